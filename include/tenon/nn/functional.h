// nn::functional: the functions that the modules compute, each with its options.
#pragma once

#include "tenon/nn/activation.h"
#include "tenon/nn/attention.h"
#include "tenon/nn/conv.h"
#include "tenon/nn/distance.h"
#include "tenon/nn/dropout.h"
#include "tenon/nn/embedding.h"
#include "tenon/nn/linear.h"
#include "tenon/nn/loss.h"
#include "tenon/nn/normalization.h"
#include "tenon/nn/padding.h"
#include "tenon/nn/pooling.h"
#include "tenon/nn/resampling.h"
