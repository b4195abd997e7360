// Everything of nn: modules, their containers and state, and initial values.
#pragma once

#include "tenon/nn/container.h"
#include "tenon/nn/init.h"
#include "tenon/nn/state_dict.h"
