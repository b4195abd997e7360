// Averaged stochastic gradient descent.
#pragma once

#include "tenon/optim/optimizer.h"

namespace tenon::optim {

struct TENON_API ASGDOptions : public OptimizerCloneableOptions<ASGDOptions> {
  ASGDOptions(double lr = 1e-2) : lr_(lr) {}
  TENON_ARG(double, lr);
  TENON_ARG(double, lambd) = 1e-4;
  TENON_ARG(double, alpha) = 0.75;
  TENON_ARG(double, t0) = 1e6;
  TENON_ARG(double, weight_decay) = 0;
  TENON_ARG(bool, maximize) = false;
  TENON_OPTIM_FIELDS(lr_, lambd_, alpha_, t0_, weight_decay_, maximize_)
};

struct TENON_API ASGDParamState : public OptimizerCloneableParamState<ASGDParamState> {
  TENON_ARG(int64_t, step) = 0;
  TENON_ARG(Tensor, eta);
  TENON_ARG(Tensor, mu);
  TENON_ARG(Tensor, ax);
  TENON_OPTIM_FIELDS(step_, eta_, mu_, ax_)
};

TENON_OPTIMIZER(ASGD, ASGDOptions)

}  // namespace tenon::optim
