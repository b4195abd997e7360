// Steps that look at a whole matrix at a time: Adafactor's, one kernel over all parameters or made of ops, and Muon's,
// products of matrices. The same for C++ and Python.
#pragma once

#include <array>
#include <vector>

#include "tenon/tensor/tensor.h"

namespace tenon::optim {

struct AdafactorSettings {
  double lr, beta2_decay;
  // Not given: the resolution of the parameter's dtype.
  optional<double> eps1;
  double eps2, d, weight_decay;
  bool maximize;
};

// `row_var` and `col_var` belong to a gradient with two dims or more, `variance` to any other; the rest is undefined.
struct AdafactorItem {
  Tensor param, grad, row_var, col_var, variance;
  double step;
};

TENON_API void adafactor_steps(const std::vector<AdafactorItem>& items, const AdafactorSettings& settings);

struct MuonSettings {
  double lr, weight_decay, momentum;
  bool nesterov;
  std::array<double, 3> ns_coefficients;
  double eps;
  int64_t ns_steps;
  // By the larger side of a matrix, and not by the ratio of its sides.
  bool match_rms_adamw;
};

struct MuonItem {
  Tensor param, grad, momentum_buffer;
};

TENON_API void muon_steps(const std::vector<MuonItem>& items, const MuonSettings& settings);

}  // namespace tenon::optim
