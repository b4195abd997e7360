// NAdam: Adam with Nesterov's momentum.
#pragma once

#include "tenon/optim/optimizer.h"

namespace tenon::optim {

struct TENON_API NAdamOptions : public OptimizerCloneableOptions<NAdamOptions> {
  using betas_t = std::tuple<double, double>;
  NAdamOptions(double lr = 2e-3) : lr_(lr) {}
  TENON_ARG(double, lr);
  TENON_ARG(betas_t, betas) = std::make_tuple(0.9, 0.999);
  TENON_ARG(double, eps) = 1e-8;
  TENON_ARG(double, weight_decay) = 0;
  TENON_ARG(double, momentum_decay) = 4e-3;
  TENON_ARG(bool, decoupled_weight_decay) = false;
  TENON_ARG(bool, maximize) = false;
  TENON_OPTIM_FIELDS(lr_, betas_, eps_, weight_decay_, momentum_decay_, decoupled_weight_decay_, maximize_)
};

struct TENON_API NAdamParamState : public OptimizerCloneableParamState<NAdamParamState> {
  TENON_ARG(int64_t, step) = 0;
  TENON_ARG(Tensor, mu_product);
  TENON_ARG(Tensor, exp_avg);
  TENON_ARG(Tensor, exp_avg_sq);
  TENON_OPTIM_FIELDS(step_, mu_product_, exp_avg_, exp_avg_sq_)
};

TENON_OPTIMIZER(NAdam, NAdamOptions)

}  // namespace tenon::optim
