// RMSprop: steps divided by means of the gradient's square.
#pragma once

#include "tenon/optim/optimizer.h"

namespace tenon::optim {

struct TENON_API RMSpropOptions : public OptimizerCloneableOptions<RMSpropOptions> {
  RMSpropOptions(double lr = 1e-2) : lr_(lr) {}
  TENON_ARG(double, lr);
  TENON_ARG(double, alpha) = 0.99;
  TENON_ARG(double, eps) = 1e-8;
  TENON_ARG(double, weight_decay) = 0;
  TENON_ARG(double, momentum) = 0;
  TENON_ARG(bool, centered) = false;
  TENON_ARG(bool, maximize) = false;
  TENON_OPTIM_FIELDS(lr_, alpha_, eps_, weight_decay_, momentum_, centered_, maximize_)
};

struct TENON_API RMSpropParamState : public OptimizerCloneableParamState<RMSpropParamState> {
  TENON_ARG(int64_t, step) = 0;
  TENON_ARG(Tensor, square_avg);
  TENON_ARG(Tensor, momentum_buffer);
  TENON_ARG(Tensor, grad_avg);
  TENON_OPTIM_FIELDS(step_, square_avg_, momentum_buffer_, grad_avg_)
};

TENON_OPTIMIZER(RMSprop, RMSpropOptions)

}  // namespace tenon::optim
