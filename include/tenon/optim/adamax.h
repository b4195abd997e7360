// Adamax: Adam with the largest gradient in place of the mean square.
#pragma once

#include "tenon/optim/optimizer.h"

namespace tenon::optim {

struct TENON_API AdamaxOptions : public OptimizerCloneableOptions<AdamaxOptions> {
  using betas_t = std::tuple<double, double>;
  AdamaxOptions(double lr = 2e-3) : lr_(lr) {}
  TENON_ARG(double, lr);
  TENON_ARG(betas_t, betas) = std::make_tuple(0.9, 0.999);
  TENON_ARG(double, eps) = 1e-8;
  TENON_ARG(double, weight_decay) = 0;
  TENON_ARG(bool, maximize) = false;
  TENON_OPTIM_FIELDS(lr_, betas_, eps_, weight_decay_, maximize_)
};

struct TENON_API AdamaxParamState : public OptimizerCloneableParamState<AdamaxParamState> {
  TENON_ARG(int64_t, step) = 0;
  TENON_ARG(Tensor, exp_avg);
  TENON_ARG(Tensor, exp_inf);
  TENON_OPTIM_FIELDS(step_, exp_avg_, exp_inf_)
};

TENON_OPTIMIZER(Adamax, AdamaxOptions)

}  // namespace tenon::optim
