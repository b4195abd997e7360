// SparseAdam: Adam of the rows that a gradient touches.
#pragma once

#include "tenon/optim/optimizer.h"

namespace tenon::optim {

struct TENON_API SparseAdamOptions : public OptimizerCloneableOptions<SparseAdamOptions> {
  using betas_t = std::tuple<double, double>;
  SparseAdamOptions(double lr = 1e-3) : lr_(lr) {}
  TENON_ARG(double, lr);
  TENON_ARG(betas_t, betas) = std::make_tuple(0.9, 0.999);
  TENON_ARG(double, eps) = 1e-8;
  TENON_ARG(bool, maximize) = false;
  TENON_OPTIM_FIELDS(lr_, betas_, eps_, maximize_)
};

struct TENON_API SparseAdamParamState : public OptimizerCloneableParamState<SparseAdamParamState> {
  TENON_ARG(int64_t, step) = 0;
  TENON_ARG(Tensor, exp_avg);
  TENON_ARG(Tensor, exp_avg_sq);
  TENON_OPTIM_FIELDS(step_, exp_avg_, exp_avg_sq_)
};

// Gradients are dense: the rows that are not all zero are the touched ones.
TENON_OPTIMIZER(SparseAdam, SparseAdamOptions)

}  // namespace tenon::optim
