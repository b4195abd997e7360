// Everything of nn: modules, functions, containers, states, initial values and utilities.
#pragma once

#include "tenon/nn/adaptive.h"
#include "tenon/nn/container.h"
#include "tenon/nn/functional.h"
#include "tenon/nn/fusion.h"
#include "tenon/nn/init.h"
#include "tenon/nn/parametrize.h"
#include "tenon/nn/prune.h"
#include "tenon/nn/rnn.h"
#include "tenon/nn/state_dict.h"
#include "tenon/nn/transformer.h"
#include "tenon/nn/utils.h"
