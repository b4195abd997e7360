// Rprop: steps by the signs of gradients.
#pragma once

#include "tenon/optim/optimizer.h"

namespace tenon::optim {

using RpropPair = std::tuple<double, double>;

struct TENON_API RpropOptions : public OptimizerCloneableOptions<RpropOptions> {
  RpropOptions(double lr = 1e-2) : lr_(lr) {}
  TENON_ARG(double, lr);
  TENON_ARG(RpropPair, etas) = std::make_tuple(0.5, 1.2);
  TENON_ARG(RpropPair, step_sizes) = std::make_tuple(1e-6, 50.0);
  TENON_ARG(bool, maximize) = false;
  TENON_OPTIM_FIELDS(lr_, etas_, step_sizes_, maximize_)
};

struct TENON_API RpropParamState : public OptimizerCloneableParamState<RpropParamState> {
  TENON_ARG(int64_t, step) = 0;
  TENON_ARG(Tensor, prev);
  TENON_ARG(Tensor, step_size);
  TENON_OPTIM_FIELDS(step_, prev_, step_size_)
};

TENON_OPTIMIZER(Rprop, RpropOptions)

}  // namespace tenon::optim
