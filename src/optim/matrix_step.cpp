// See matrix_step.h.
#include "optim/matrix_step.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>
#include <vector>

#include "backend/matrix_step_kernels.h"
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

// A step by ops, for what the kernel does not take.
void step_by_ops(const AdafactorItem& item, const AdafactorNumbers& n) {
  const Tensor& param = item.param;
  const Tensor grad = n.maximize ? -item.grad : item.grad;
  const double alpha = std::max(n.eps2, root_mean_square(param)) * n.rho;
  if (n.shrink != 1) param.mul_(n.shrink);
  Tensor estimate;
  if (grad.dim() > 1) {
    item.row_var.lerp_(mean_of_squares(grad, -1), n.weight);
    item.col_var.lerp_(mean_of_squares(grad, -2), n.weight);
    estimate = item.row_var.matmul(item.col_var).div_(item.row_var.mean({-2}, true).clamp(n.eps1));
  } else {
    item.variance.lerp_(grad * grad, n.weight);
    estimate = item.variance;
  }
  const Tensor update = estimate.clamp(n.eps1 * n.eps1).rsqrt_().mul_(grad);
  const double size = std::max(1.0, root_mean_square(update) / n.d);
  param.add_(update, -alpha / size);
}

// States that were loaded may have any sizes.
bool fits_kernel(const AdafactorItem& item) {
  const Tensor& param = item.param;
  const auto fits = [](const Tensor& tensor, int64_t count) {
    return tensor.defined() && tensor.is_contiguous() && tensor.dtype() == kFloat && tensor.is_cpu() &&
           tensor.numel() == count;
  };
  const int64_t numel = param.numel();
  if (item.grad.sizes() != param.sizes() || !fits(param, numel) || !fits(item.grad, numel)) return false;
  if (param.dim() < 2) return fits(item.variance, numel);
  return !item.variance.defined() && fits(item.row_var, numel / param.size(-1)) &&
         fits(item.col_var, numel / param.size(-2));
}

void* edited(const Tensor& tensor) {
  if (!tensor.defined()) return nullptr;
  tensor.impl()->version().bump("step");
  return tensor.data_ptr();
}

AdafactorTensor kernel_view(const AdafactorItem& item) {
  const Tensor& param = item.param;
  const bool matrices = param.dim() > 1;
  const int64_t rows = matrices ? param.size(-2) : 1, columns = matrices ? param.size(-1) : param.numel();
  return {.param = edited(param),
          .row_var = edited(item.row_var),
          .col_var = edited(item.col_var),
          .variance = edited(item.variance),
          .grad = item.grad.data_ptr(),
          .matrices = param.numel() / (rows * columns),
          .rows = rows,
          .columns = columns};
}

// The matrix with its singular values moved towards one by Newton-Schulz steps.
Tensor orthogonalized(const Tensor& matrix, const MuonSettings& n) {
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

double adjusted_lr(const Tensor& param, const MuonSettings& settings) {
  const auto rows = static_cast<double>(param.size(0)), columns = static_cast<double>(param.size(1));
  return settings.lr * (settings.match_rms_adamw ? 0.2 * std::sqrt(std::max(rows, columns))
                                                 : std::sqrt(std::max(1.0, rows / columns)));
}

}  // namespace

void adafactor_steps(const std::vector<AdafactorItem>& items, const AdafactorSettings& settings) {
  std::vector<AdafactorTensor> tensors;
  std::vector<AdafactorNumbers> numbers;
  std::unordered_set<const void*> seen;
  const auto run = [&] {
    if (!tensors.empty()) {
      cpu::matrix_step_table().adafactor(tensors.data(), numbers.data(), static_cast<int64_t>(tensors.size()));
    }
    tensors.clear();
    numbers.clear();
    seen.clear();
  };
  for (const AdafactorItem& item : items) {
    TENON_CHECK(!item.param.is_complex(), "Adafactor does not support complex parameters");
    const AdafactorNumbers own = {.weight = std::pow(item.step, settings.beta2_decay),
                                  .rho = std::min(settings.lr, 1 / std::sqrt(item.step)),
                                  .eps1 = settings.eps1.value_or(resolution(item.param.dtype())),
                                  .eps2 = settings.eps2,
                                  .d = settings.d,
                                  .shrink = 1 - settings.lr * settings.weight_decay,
                                  .maximize = settings.maximize};
    if (item.param.numel() == 0) continue;
    if (!fits_kernel(item)) {
      step_by_ops(item, own);
      continue;
    }
    // Given twice, a parameter steps twice, one step after the other.
    if (seen.contains(item.param.data_ptr())) run();
    seen.insert(item.param.data_ptr());
    tensors.push_back(kernel_view(item));
    numbers.push_back(own);
  }
  run();
}

void muon_steps(const std::vector<MuonItem>& items, const MuonSettings& settings) {
  for (const auto& [param, grad, momentum_buffer] : items) {
    TENON_CHECK(!param.is_complex(), "Muon does not support complex parameters");
    momentum_buffer.lerp_(grad, 1 - settings.momentum);
    const Tensor momentum = settings.nesterov ? grad.lerp(momentum_buffer, settings.momentum) : momentum_buffer;
    const Tensor update = orthogonalized(momentum, settings);
    param.mul_(1 - settings.lr * settings.weight_decay);
    param.add_(update, -adjusted_lr(param, settings));
  }
}

}  // namespace tenon::optim
