// From the settings of an optimizer and the count of its steps, what a kernel reads: the same for C++ and Python.
#pragma once

#include <algorithm>
#include <cmath>

#include "backend/matrix_step_kernels.h"
#include "tenon/tensor/tensor.h"

namespace tenon::optim {

// What of `weight_decay` joins the gradient, and by what it shrinks the parameter where it is decoupled.
inline double joined_decay(double weight_decay, bool decoupled) { return decoupled ? 0 : weight_decay; }
inline double shrinkage(double lr, double weight_decay, bool decoupled) {
  return decoupled ? 1 - lr * weight_decay : 1;
}

inline AdamNumbers adam_numbers(double step, double lr, double beta1, double beta2, double eps, double weight_decay,
                                bool amsgrad, bool maximize, bool decoupled) {
  return {.step_size = lr / (1 - std::pow(beta1, step)),
          .beta1 = beta1,
          .beta2 = beta2,
          .eps = eps,
          .decay = joined_decay(weight_decay, decoupled),
          .shrink = shrinkage(lr, weight_decay, decoupled),
          .correction2_rsqrt = 1 / std::sqrt(1 - std::pow(beta2, step)),
          .amsgrad = amsgrad,
          .maximize = maximize};
}

inline AdamaxNumbers adamax_numbers(double step, double lr, double beta1, double beta2, double eps, double weight_decay,
                                    bool maximize) {
  return {lr / (1 - std::pow(beta1, step)), beta1, beta2, eps, weight_decay, maximize};
}

// `mu_product`, a number in a tensor, grows by a factor.
inline NadamNumbers nadam_numbers(double step, const Tensor& mu_product, double lr, double beta1, double beta2,
                                  double eps, double weight_decay, double momentum_decay, bool decoupled,
                                  bool maximize) {
  auto mu_of = [&](double t) { return beta1 * (1 - 0.5 * std::pow(0.96, t * momentum_decay)); };
  const double mu = mu_of(step), mu_next = mu_of(step + 1);
  mu_product.mul_(mu);
  const double product = mu_product.item<double>();
  return {.grad_size = lr * (1 - mu) / (1 - product),
          .average_size = lr * mu_next / (1 - product * mu_next),
          .beta1 = beta1,
          .beta2 = beta2,
          .eps = eps,
          .decay = joined_decay(weight_decay, decoupled),
          .shrink = shrinkage(lr, weight_decay, decoupled),
          .correction2 = 1 - std::pow(beta2, step),
          .maximize = maximize};
}

inline RadamNumbers radam_numbers(double step, double lr, double beta1, double beta2, double eps, double weight_decay,
                                  bool decoupled, bool maximize) {
  const double correction1 = 1 - std::pow(beta1, step), correction2 = 1 - std::pow(beta2, step);
  const double rho_inf = 2 / (1 - beta2) - 1;
  const double rho = rho_inf - 2 * step * std::pow(beta2, step) / correction2;
  double rectifier = 0;
  if (rho > 5) {
    rectifier = std::sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho));
    rectifier *= std::sqrt(correction2);
  }
  return {.step_size = lr / correction1,
          .rectifier = rectifier,
          .beta1 = beta1,
          .beta2 = beta2,
          .eps = eps,
          .decay = joined_decay(weight_decay, decoupled),
          .shrink = shrinkage(lr, weight_decay, decoupled),
          .maximize = maximize};
}

inline AdagradNumbers adagrad_numbers(double step, double lr, double lr_decay, double eps, double weight_decay,
                                      bool maximize) {
  return {lr / (1 + (step - 1) * lr_decay), eps, weight_decay, maximize};
}

// `eta` and `mu`, numbers in tensors, are set for the step after.
inline AsgdNumbers asgd_numbers(double step, const Tensor& eta, const Tensor& mu, double lr, double lambd, double alpha,
                                double t0, double weight_decay, bool maximize) {
  const double eta_now = eta.item<double>(), mu_now = mu.item<double>();
  eta.fill_(lr / std::pow(1 + lambd * lr * step, alpha));
  mu.fill_(1 / std::max(1.0, step - t0));
  return {eta_now, mu_now, 1 - lambd * eta_now, weight_decay, maximize};
}

inline SparseAdamNumbers sparse_adam_numbers(double step, const Tensor& param, double lr, double beta1, double beta2,
                                             double eps, bool maximize) {
  return {.step_size = lr * std::sqrt(1 - std::pow(beta2, step)) / (1 - std::pow(beta1, step)),
          .beta1 = beta1,
          .beta2 = beta2,
          .eps = eps,
          .row = param.dim() > 1 ? std::max<int64_t>(1, param.numel() / std::max<int64_t>(1, param.size(0))) : 1,
          .maximize = maximize};
}

}  // namespace tenon::optim
