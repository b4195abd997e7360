// Adagrad: steps divided by the root of all squared gradients so far.
#pragma once

#include "tenon/optim/optimizer.h"

namespace tenon::optim {

struct TENON_API AdagradOptions : public OptimizerCloneableOptions<AdagradOptions> {
  AdagradOptions(double lr = 1e-2) : lr_(lr) {}
  TENON_ARG(double, lr);
  TENON_ARG(double, lr_decay) = 0;
  TENON_ARG(double, weight_decay) = 0;
  TENON_ARG(double, initial_accumulator_value) = 0;
  TENON_ARG(double, eps) = 1e-10;
  TENON_ARG(bool, maximize) = false;
  TENON_OPTIM_FIELDS(lr_, lr_decay_, weight_decay_, initial_accumulator_value_, eps_, maximize_)
};

struct TENON_API AdagradParamState : public OptimizerCloneableParamState<AdagradParamState> {
  TENON_ARG(int64_t, step) = 0;
  TENON_ARG(Tensor, sum);
  TENON_OPTIM_FIELDS(step_, sum_)
};

TENON_OPTIMIZER(Adagrad, AdagradOptions)

}  // namespace tenon::optim
