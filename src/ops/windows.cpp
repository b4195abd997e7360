// The windows of the top-level module.
#include <cmath>
#include <numbers>

#include "ops/promotion.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

// shape(k, N) of k = 0, 1, ... `length` - 1, where N is the period: the length, or one less for a symmetric window.
template <class Shape>
Tensor window_of(const char* op, int64_t length, bool periodic, const TensorOptions& options, Shape shape) {
  const ScalarType dtype = options.dtype_opt().value_or(get_default_dtype());
  TENON_CHECK(is_floating_point(dtype), op, ": expects floating point dtypes, got: ", dtype);
  TENON_CHECK(length >= 0, op, ": requires non-negative window_length, got window_length=", length);
  const TensorOptions plain = options.dtype(dtype).requires_grad(false);
  Tensor window;
  if (length < 2) {
    window = ones({length}, plain);
  } else {
    NoGradGuard no_grad;
    // Half types would not hold the numbers that go into a long window.
    const Tensor k = arange(length, plain.dtype(compute_dtype(dtype)));
    window = shape(k, static_cast<double>(periodic ? length : length - 1)).to(dtype);
  }
  return window.requires_grad_(options.requires_grad());
}

Tensor cosine(const Tensor& k, double period, double harmonic) {
  return cos(k * (2 * std::numbers::pi * harmonic / period));
}

}  // namespace

Tensor hann_window(int64_t window_length, bool periodic, const TensorOptions& options) {
  return window_of("hann_window", window_length, periodic, options,
                   [](const Tensor& k, double period) { return 0.5 - 0.5 * cosine(k, period, 1); });
}

Tensor hamming_window(int64_t window_length, bool periodic, double alpha, double beta, const TensorOptions& options) {
  return window_of("hamming_window", window_length, periodic, options,
                   [=](const Tensor& k, double period) { return alpha - beta * cosine(k, period, 1); });
}

Tensor blackman_window(int64_t window_length, bool periodic, const TensorOptions& options) {
  return window_of("blackman_window", window_length, periodic, options, [](const Tensor& k, double period) {
    return 0.42 - 0.5 * cosine(k, period, 1) + 0.08 * cosine(k, period, 2);
  });
}

Tensor bartlett_window(int64_t window_length, bool periodic, const TensorOptions& options) {
  return window_of("bartlett_window", window_length, periodic, options,
                   [](const Tensor& k, double period) { return 1 - abs(k * (2 / period) - 1); });
}

Tensor kaiser_window(int64_t window_length, bool periodic, double beta, const TensorOptions& options) {
  return window_of("kaiser_window", window_length, periodic, options, [=](const Tensor& k, double period) {
    const Tensor offset = k * (2 / period) - 1;
    const Tensor height = i0(scalar_tensor(beta, TensorOptions(kDouble)));
    return i0(beta * sqrt(clamp_min(1 - square(offset), 0))) / height.item();
  });
}

}  // namespace tenon
