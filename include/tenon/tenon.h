// Everything of Tenon's C++ library.
#pragma once

#include "tenon/autograd/autograd.h"
#include "tenon/autograd/function.h"
#include "tenon/base/denormals.h"
#include "tenon/base/parallel.h"
#include "tenon/cuda.h"
#include "tenon/io/npy.h"
#include "tenon/io/safetensors.h"
#include "tenon/io/serialize.h"
#include "tenon/nn/nn.h"
#include "tenon/ops/autocast.h"
#include "tenon/ops/ops.h"
#include "tenon/optim.h"
