// Adadelta: steps by the ratio of past steps to past gradients.
#pragma once

#include "tenon/optim/optimizer.h"

namespace tenon::optim {

struct TENON_API AdadeltaOptions : public OptimizerCloneableOptions<AdadeltaOptions> {
  AdadeltaOptions(double lr = 1.0) : lr_(lr) {}
  TENON_ARG(double, lr);
  TENON_ARG(double, rho) = 0.9;
  TENON_ARG(double, eps) = 1e-6;
  TENON_ARG(double, weight_decay) = 0;
  TENON_ARG(bool, maximize) = false;
  TENON_OPTIM_FIELDS(lr_, rho_, eps_, weight_decay_, maximize_)
};

struct TENON_API AdadeltaParamState : public OptimizerCloneableParamState<AdadeltaParamState> {
  TENON_ARG(int64_t, step) = 0;
  TENON_ARG(Tensor, square_avg);
  TENON_ARG(Tensor, acc_delta);
  TENON_OPTIM_FIELDS(step_, square_avg_, acc_delta_)
};

TENON_OPTIMIZER(Adadelta, AdadeltaOptions)

}  // namespace tenon::optim
