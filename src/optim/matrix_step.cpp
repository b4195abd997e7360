// See matrix_step.h.
#include "optim/matrix_step.h"

#include <algorithm>
#include <cmath>

#include "tenon/ops/ops.h"

namespace tenon::optim {
namespace {

double resolution(ScalarType dtype) {
  switch (dtype) {
    case kDouble:
      return 0x1p-52;
    case kHalf:
      return 0x1p-10;
    case kBFloat16:
      return 0x1p-7;
    default:
      return 0x1p-23;
  }
}

double root_mean_square(const Tensor& tensor) {
  return tensor.norm(2).item<double>() / std::sqrt(static_cast<double>(tensor.numel()));
}

// The mean of squares along a dim, as a dim of size one.
Tensor mean_of_squares(const Tensor& grad, int64_t dim) {
  return norm(grad, 2, {dim}, true).square_().div_(grad.size(dim));
}

// The matrix with its singular values moved towards one by Newton-Schulz steps.
Tensor orthogonalized(const Tensor& matrix, const MuonNumbers& n) {
  const auto [a, b, c] = n.ns_coefficients;
  const bool tall = matrix.size(0) > matrix.size(1);
  Tensor x = matrix.to(kBFloat16, false, true);
  if (tall) x = x.t();
  x.div_(x.norm().clamp(n.eps));
  for (int64_t i = 0; i < n.ns_steps; ++i) {
    const Tensor gram = x.mm(x.t());
    x = addmm(x, addmm(gram, gram, gram, b, c), x, a);
  }
  return tall ? x.t() : x;
}

}  // namespace

void adafactor_step(const Tensor& param, const Tensor& grad_in, const Tensor& row_var, const Tensor& col_var,
                    const Tensor& variance, double step, const AdafactorNumbers& n) {
  const Tensor grad = n.maximize ? -grad_in : grad_in;
  const double eps1 = n.eps1.value_or(resolution(param.dtype()));
  const double weight = std::pow(step, n.beta2_decay);
  const double rho = std::min(n.lr, 1 / std::sqrt(step));
  const double alpha = std::max(n.eps2, root_mean_square(param)) * rho;
  if (n.weight_decay != 0) param.mul_(1 - n.lr * n.weight_decay);
  Tensor estimate;
  if (grad.dim() > 1) {
    row_var.lerp_(mean_of_squares(grad, -1), weight);
    col_var.lerp_(mean_of_squares(grad, -2), weight);
    estimate = row_var.matmul(col_var).div_(row_var.mean({-2}, true).clamp(eps1));
  } else {
    variance.lerp_(grad * grad, weight);
    estimate = variance;
  }
  const Tensor update = estimate.clamp(eps1 * eps1).rsqrt_().mul_(grad);
  const double size = std::max(1.0, root_mean_square(update) / n.d);
  param.add_(update, -alpha / size);
}

void muon_step(const Tensor& param, const Tensor& grad, const Tensor& momentum_buffer, const MuonNumbers& n) {
  momentum_buffer.lerp_(grad, 1 - n.momentum);
  const Tensor update = orthogonalized(n.nesterov ? grad.lerp(momentum_buffer, n.momentum) : momentum_buffer, n);
  param.mul_(1 - n.lr * n.weight_decay);
  param.add_(update, -n.adjusted_lr);
}

}  // namespace tenon::optim
