// Adam with decoupled weight decay.
#pragma once

#include "tenon/optim/optimizer.h"

namespace tenon::optim {

struct TENON_API AdamWOptions : public OptimizerCloneableOptions<AdamWOptions> {
  using betas_t = std::tuple<double, double>;
  AdamWOptions(double lr = 1e-3) : lr_(lr) {}
  TENON_ARG(double, lr);
  TENON_ARG(betas_t, betas) = std::make_tuple(0.9, 0.999);
  TENON_ARG(double, eps) = 1e-8;
  TENON_ARG(double, weight_decay) = 1e-2;
  TENON_ARG(bool, amsgrad) = false;
  TENON_ARG(bool, maximize) = false;
  TENON_OPTIM_FIELDS(lr_, betas_, eps_, weight_decay_, amsgrad_, maximize_)
};

struct TENON_API AdamWParamState : public OptimizerCloneableParamState<AdamWParamState> {
  TENON_ARG(int64_t, step) = 0;
  TENON_ARG(Tensor, exp_avg);
  TENON_ARG(Tensor, exp_avg_sq);
  TENON_ARG(Tensor, max_exp_avg_sq);
  TENON_OPTIM_FIELDS(step_, exp_avg_, exp_avg_sq_, max_exp_avg_sq_)
};

TENON_OPTIMIZER(AdamW, AdamWOptions)

}  // namespace tenon::optim
