// Muon: steps of matrices by orthogonalized momentum.
#pragma once

#include <string>

#include "tenon/optim/optimizer.h"

namespace tenon::optim {

struct TENON_API MuonOptions : public OptimizerCloneableOptions<MuonOptions> {
  using coefficients_t = std::tuple<double, double, double>;
  MuonOptions(double lr = 1e-3) : lr_(lr) {}
  TENON_ARG(double, lr);
  TENON_ARG(double, weight_decay) = 0.1;
  TENON_ARG(double, momentum) = 0.95;
  TENON_ARG(bool, nesterov) = true;
  TENON_ARG(coefficients_t, ns_coefficients) = std::make_tuple(3.4445, -4.775, 2.0315);
  TENON_ARG(double, eps) = 1e-7;
  TENON_ARG(int64_t, ns_steps) = 5;
  // "original", or "match_rms_adamw".
  TENON_ARG(std::string, adjust_lr_fn) = "original";
  TENON_OPTIM_FIELDS(lr_, weight_decay_, momentum_, nesterov_, ns_coefficients_, eps_, ns_steps_, adjust_lr_fn_)
};

struct TENON_API MuonParamState : public OptimizerCloneableParamState<MuonParamState> {
  TENON_ARG(Tensor, momentum_buffer);
  TENON_OPTIM_FIELDS(momentum_buffer_)
};

TENON_OPTIMIZER(Muon, MuonOptions)

}  // namespace tenon::optim
