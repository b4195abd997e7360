// Fourier transforms: arguments as PyTorch has them, and three recorded transforms, each the adjoint of one of them.
#include <algorithm>
#include <cmath>
#include <string>

#include "autograd/record.h"
#include "backend/kernels_of.h"
#include "ops/autocast.h"
#include "ops/fft.h"
#include "ops/promotion.h"
#include "ops/reduction.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"
#include "tensor/make.h"

namespace tenon {
namespace {

const FftKernels& fft_kernels(const Tensor& tensor) {
  return kernels_of<&Backend::fft>(tensor.device(), "fft");
}

Tensor contiguous_values(const Tensor& self) {
  NoGradGuard no_grad;
  return self.contiguous();
}

// Weights of a half transform's elements along its last dim: those that stand for a conjugate too get `double_weight`.
Tensor half_weights(const Tensor& half, int64_t n, double double_weight) {
  NoGradGuard no_grad;
  const Tensor weights = full({n / 2 + 1}, double_weight, TensorOptions(to_real(half.dtype())).device(half.device()));
  weights.select(0, 0).fill_(1);
  if (n % 2 == 0) weights.select(0, n / 2).fill_(1);
  return weights;
}

}  // namespace

Tensor fft_complex(const Tensor& self, int64_t dim, bool forward, double scale) {
  Tensor out = make_tensor(self.sizes(), self.dtype(), self.device(), "fft");
  if (out.numel() > 0) {
    const Tensor in = contiguous_values(self);
    DimVector sizes = {1, self.size(dim), 1};
    for (int64_t d = 0; d < self.dim(); ++d) {
      if (d != dim) sizes[d < dim ? 0 : 2] *= self.size(d);
    }
    const DimVector strides = {sizes[1] * sizes[2], sizes[2], 1};
    fft_kernels(self).complex_to_complex({out.data_ptr(), out.dtype(), sizes, strides},
                                         {in.data_ptr(), in.dtype(), sizes, strides}, forward, scale);
  }
  return record("fft_c2c", out, &self, {}, [=](const BackwardContext& ctx) -> Grads {
    return {fft_complex(ctx.grad(), dim, !forward, scale)};
  });
}

Tensor fft_real(const Tensor& self, int64_t dim, double scale) {
  const int64_t n = self.size(dim);
  const Tensor rows = as_rows(self, dim);
  const Tensor result = make_tensor({rows.size(0), n / 2 + 1}, to_complex(self.dtype()), self.device(), "rfft");
  if (result.numel() > 0) fft_kernels(self).real_to_complex(view_of(result), view_of(rows), scale);
  return record("fft_r2c", from_rows(result, self, dim), &self, {}, [=](const BackwardContext& ctx) -> Grads {
    const Tensor grad = ctx.grad().movedim(dim, -1);
    return {fft_half(grad * half_weights(grad, n, 0.5), grad.dim() - 1, n, scale).movedim(-1, dim)};
  });
}

Tensor fft_half(const Tensor& self, int64_t dim, int64_t n, double scale) {
  const Tensor rows = as_rows(self, dim);
  const Tensor result = make_tensor({rows.size(0), n}, to_real(self.dtype()), self.device(), "irfft");
  if (result.numel() > 0) fft_kernels(self).complex_to_real(view_of(result), view_of(rows), scale);
  return record("fft_c2r", from_rows(result, self, dim), &self, {}, [=](const BackwardContext& ctx) -> Grads {
    const Tensor grad = ctx.grad().movedim(dim, -1);
    const Tensor half = fft_real(grad, grad.dim() - 1, scale);
    return {(half * half_weights(half, n, 2)).movedim(-1, dim)};
  });
}

double fft_scale(const char* op, optional<std::string_view> norm, double n, bool forward) {
  const std::string_view mode = norm.value_or("backward");
  if (mode == "ortho") return 1 / std::sqrt(n);
  TENON_CHECK(mode == "forward" || mode == "backward", op, ": Invalid normalization mode: \"", mode,
              "\"; it is 'forward', 'backward' or 'ortho'");
  return (mode == "forward") == forward ? 1 / n : 1;
}

namespace {

// Integers become the default float dtype, and real numbers complex ones where those are needed.
Tensor promoted(const char* op, const Tensor& self, bool complex) {
  const ScalarType floating = to_floating(self.dtype());
  TENON_CHECK(!is_reduced_floating_point(floating), op, ": Unsupported dtype ", floating);
  return to_dtype(self, complex ? to_complex(floating) : floating);
}

Tensor promoted_real(const char* op, const Tensor& self) {
  TENON_CHECK(!self.is_complex(), op, ": expects a real input tensor, but got ", self.dtype());
  return promoted(op, self, false);
}

// A dim cut, or padded with zeros at its end, to n elements.
Tensor resized(const Tensor& self, int64_t dim, int64_t n) {
  const int64_t size = self.size(dim);
  if (n == size) return self;
  if (n < size) return self.narrow(dim, 0, n);
  DimVector pad(static_cast<size_t>(2 * (self.dim() - dim)), 0);
  pad.back() = n - size;
  return constant_pad_nd(self, pad);
}

// The dims that a call transforms and their lengths in the time domain.
struct Axes {
  DimVector dims, lengths;

  double count() const {
    double product = 1;
    for (int64_t n : lengths) product *= static_cast<double>(n);
    return product;
  }
};

void check_lengths(const char* op, const Axes& axes) {
  for (int64_t n : axes.lengths) TENON_CHECK(n >= 1, op, ": Invalid number of data points (", n, ") specified");
}

// `half`: the last dim of self holds n / 2 + 1 elements for a length of n.
Axes axis_of(const char* op, const Tensor& self, optional<int64_t> n, int64_t dim, bool half) {
  TENON_CHECK_INDEX(self.dim() > 0, op, ": Dimension specified as ", dim, " but tensor has no dimensions");
  Axes axes;
  axes.dims = {wrap_dim(dim, self.dim(), op)};
  const int64_t size = self.size(axes.dims[0]);
  axes.lengths = {n.value_or(half ? 2 * (size - 1) : size)};
  check_lengths(op, axes);
  return axes;
}

Axes axes_of(const char* op, const Tensor& self, OptionalIntArrayRef s, OptionalIntArrayRef dim, bool half) {
  Axes axes;
  if (dim) {
    axes.dims = wrap_dims(*dim, self.dim(), op);
    DimVector sorted = axes.dims;
    std::sort(sorted.begin(), sorted.end());
    TENON_CHECK(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end(), op, ": FFT dims must be unique, got ",
                *dim);
    TENON_CHECK(!s || s->size() == dim->size(), op,
                ": When given, dim and shape arguments must have the same length, got ", *dim, " and ",
                s ? *s : IntArrayRef());
  } else {
    const int64_t count = s ? static_cast<int64_t>(s->size()) : self.dim();
    TENON_CHECK(count <= self.dim(), op, ": Got shape with ", count, " values but input tensor only has ", self.dim(),
                " dimensions.");
    for (int64_t d = self.dim() - count; d < self.dim(); ++d) axes.dims.push_back(d);
  }
  for (size_t i = 0; i < axes.dims.size(); ++i) {
    const int64_t size = self.size(axes.dims[i]);
    const bool halved = half && i + 1 == axes.dims.size();
    axes.lengths.push_back(s && (*s)[i] != -1 ? (*s)[i] : halved ? 2 * (size - 1) : size);
  }
  check_lengths(op, axes);
  return axes;
}

void check_any_axis(const char* op, const Axes& axes) {
  TENON_CHECK(!axes.dims.empty(), op, ": must transform at least one axis");
}

Tensor complex_transform(const char* op, const Tensor& self, const Axes& axes, optional<std::string_view> norm,
                         bool forward) {
  double scale = fft_scale(op, norm, axes.count(), forward);
  Tensor x = promoted(op, self, true);
  for (size_t i = 0; i < axes.dims.size(); ++i) x = resized(x, axes.dims[i], axes.lengths[i]);
  if (axes.dims.empty()) return x.is_same(self) ? x.clone() : x;
  for (size_t i = axes.dims.size(); i-- > 0; scale = 1) x = fft_complex(x, axes.dims[i], forward, scale);
  return x;
}

// The transform of real values; a backward one is the conjugate of the forward one.
Tensor real_transform(const char* op, const Tensor& self, const Axes& axes, optional<std::string_view> norm,
                      bool forward) {
  check_any_axis(op, axes);
  const double scale = fft_scale(op, norm, axes.count(), forward);
  Tensor x = promoted_real(op, self);
  for (size_t i = 0; i < axes.dims.size(); ++i) x = resized(x, axes.dims[i], axes.lengths[i]);
  x = fft_real(x, axes.dims.back(), scale);
  if (!forward) x = conj(x);
  for (size_t i = axes.dims.size() - 1; i-- > 0;) x = fft_complex(x, axes.dims[i], forward, 1);
  return x;
}

// The real values of a transform whose last dim is cut in half; a forward one is the backward one of the conjugates.
Tensor half_transform(const char* op, const Tensor& self, const Axes& axes, optional<std::string_view> norm,
                      bool forward) {
  check_any_axis(op, axes);
  const double scale = fft_scale(op, norm, axes.count(), forward);
  const size_t last = axes.dims.size() - 1;
  Tensor x = promoted(op, self, true);
  for (size_t i = 0; i < last; ++i) x = resized(x, axes.dims[i], axes.lengths[i]);
  x = resized(x, axes.dims[last], axes.lengths[last] / 2 + 1);
  for (size_t i = last; i-- > 0;) x = fft_complex(x, axes.dims[i], forward, 1);
  return fft_half(forward ? conj(x) : x, axes.dims[last], axes.lengths[last], scale);
}

}  // namespace

#define TENON_TRANSFORMS(name, transform, half, forward)                                                             \
  Tensor fft_##name(const Tensor& self, optional<int64_t> n, int64_t dim, optional<std::string_view> norm) {         \
    TENON_AUTOCAST_AS("fft_" #name, fft_##name, self, n, dim, norm)                                                  \
    return transform("fft." #name, self, axis_of("fft." #name, self, n, dim, half), norm, forward);                  \
  }                                                                                                                  \
  Tensor fft_##name##2(const Tensor& self, OptionalIntArrayRef s, IntArrayRef dim, optional<std::string_view> norm) { \
    TENON_AUTOCAST_AS("fft_" #name "2", fft_##name##2, self, s, dim, norm)                                           \
    return transform("fft." #name "2", self, axes_of("fft." #name "2", self, s, dim, half), norm, forward);          \
  }                                                                                                                  \
  Tensor fft_##name##n(const Tensor& self, OptionalIntArrayRef s, OptionalIntArrayRef dim,                           \
                       optional<std::string_view> norm) {                                                            \
    TENON_AUTOCAST_AS("fft_" #name "n", fft_##name##n, self, s, dim, norm)                                           \
    return transform("fft." #name "n", self, axes_of("fft." #name "n", self, s, dim, half), norm, forward);          \
  }
TENON_TRANSFORMS(fft, complex_transform, false, true)
TENON_TRANSFORMS(ifft, complex_transform, false, false)
TENON_TRANSFORMS(rfft, real_transform, false, true)
TENON_TRANSFORMS(ihfft, real_transform, false, false)
TENON_TRANSFORMS(irfft, half_transform, true, false)
TENON_TRANSFORMS(hfft, half_transform, true, true)
#undef TENON_TRANSFORMS

namespace {

TensorOptions frequency_options(const char* op, const TensorOptions& options) {
  const ScalarType dtype = options.dtype_opt().value_or(get_default_dtype());
  TENON_CHECK(is_differentiable(dtype), op, ": requires a floating point or complex dtype, but got ", dtype);
  return options.dtype(dtype);
}

// Multiplied in place, so that the options' requires_grad holds for the result.
Tensor frequencies(const Tensor& numbers, int64_t n, double d) {
  NoGradGuard no_grad;
  return numbers.mul_(1 / (static_cast<double>(n) * d));
}

Tensor rolled(const Tensor& self, OptionalIntArrayRef dim, const char* op, int64_t extra) {
  DimVector dims, shifts;
  for (int64_t d = 0; !dim && d < self.dim(); ++d) dims.push_back(d);
  // A dim may be named twice.
  for (int64_t d : dim ? *dim : IntArrayRef()) dims.push_back(wrap_dim(d, self.dim(), op));
  for (int64_t d : dims) shifts.push_back((self.size(d) + extra) / 2);
  return roll(self, shifts, dims);
}

}  // namespace

Tensor fft_fftfreq(int64_t n, double d, const TensorOptions& given) {
  const TensorOptions options = frequency_options("fft.fftfreq", given);
  TENON_CHECK(n >= 0, "fft.fftfreq: n must not be negative, but is ", n);
  const Tensor numbers = arange(-(n / 2), n - n / 2, 1, options.requires_grad(false));
  return frequencies(fft_ifftshift(numbers), n, d).requires_grad_(options.requires_grad());
}

Tensor fft_rfftfreq(int64_t n, double d, const TensorOptions& given) {
  const TensorOptions options = frequency_options("fft.rfftfreq", given);
  return frequencies(arange(n / 2 + 1, options.requires_grad(false)), n, d).requires_grad_(options.requires_grad());
}

Tensor fft_fftshift(const Tensor& self, OptionalIntArrayRef dim) { return rolled(self, dim, "fft.fftshift", 0); }
Tensor fft_ifftshift(const Tensor& self, OptionalIntArrayRef dim) { return rolled(self, dim, "fft.ifftshift", 1); }

}  // namespace tenon
