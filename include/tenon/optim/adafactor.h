// Adafactor: mean squares kept by rows and columns.
#pragma once

#include "tenon/optim/optimizer.h"

namespace tenon::optim {

// The first, where it is not given, is the resolution of the dtype.
using AdafactorEps = std::tuple<optional<double>, double>;

struct TENON_API AdafactorOptions : public OptimizerCloneableOptions<AdafactorOptions> {
  AdafactorOptions(double lr = 1e-2) : lr_(lr) {}
  TENON_ARG(double, lr);
  TENON_ARG(double, beta2_decay) = -0.8;
  TENON_ARG(AdafactorEps, eps) = std::make_tuple(optional<double>(), 1e-3);
  TENON_ARG(double, d) = 1.0;
  TENON_ARG(double, weight_decay) = 0;
  TENON_ARG(bool, maximize) = false;
  TENON_OPTIM_FIELDS(lr_, beta2_decay_, eps_, d_, weight_decay_, maximize_)
};

struct TENON_API AdafactorParamState : public OptimizerCloneableParamState<AdafactorParamState> {
  TENON_ARG(int64_t, step) = 0;
  TENON_ARG(Tensor, row_var);
  TENON_ARG(Tensor, col_var);
  TENON_ARG(Tensor, variance);
  TENON_OPTIM_FIELDS(step_, row_var_, col_var_, variance_)
};

TENON_OPTIMIZER(Adafactor, AdafactorOptions)

}  // namespace tenon::optim
