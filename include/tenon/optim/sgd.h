// Stochastic gradient descent, with momentum.
#pragma once

#include "tenon/optim/optimizer.h"

namespace tenon::optim {

struct TENON_API SGDOptions : public OptimizerCloneableOptions<SGDOptions> {
  SGDOptions(double lr = 1e-3) : lr_(lr) {}
  TENON_ARG(double, lr);
  TENON_ARG(double, momentum) = 0;
  TENON_ARG(double, dampening) = 0;
  TENON_ARG(double, weight_decay) = 0;
  TENON_ARG(bool, nesterov) = false;
  TENON_ARG(bool, maximize) = false;
  TENON_OPTIM_FIELDS(lr_, momentum_, dampening_, weight_decay_, nesterov_, maximize_)
};

struct TENON_API SGDParamState : public OptimizerCloneableParamState<SGDParamState> {
  TENON_ARG(Tensor, momentum_buffer);
  TENON_OPTIM_FIELDS(momentum_buffer_)
};

TENON_OPTIMIZER(SGD, SGDOptions)

}  // namespace tenon::optim
