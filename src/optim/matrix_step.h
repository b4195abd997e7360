// Steps that look at a whole matrix at a time, made of ops: Adafactor's and Muon's. The same for C++ and Python.
#pragma once

#include <array>

#include "tenon/tensor/tensor.h"

namespace tenon::optim {

struct AdafactorNumbers {
  double lr, beta2_decay;
  // Not given: the resolution of the parameter's dtype.
  optional<double> eps1;
  double eps2, d, weight_decay;
  bool maximize;
};

// `row_var` and `col_var` belong to a gradient with two dims or more, `variance` to any other; the rest is undefined.
TENON_API void adafactor_step(const Tensor& param, const Tensor& grad, const Tensor& row_var, const Tensor& col_var,
                              const Tensor& variance, double step, const AdafactorNumbers& numbers);

struct MuonNumbers {
  // The step is by adjusted_lr, the decay by lr.
  double lr, adjusted_lr, weight_decay, momentum;
  bool nesterov;
  std::array<double, 3> ns_coefficients;
  double eps;
  int64_t ns_steps;
};

TENON_API void muon_step(const Tensor& param, const Tensor& grad, const Tensor& momentum_buffer,
                         const MuonNumbers& numbers);

}  // namespace tenon::optim
