// Variance and standard deviation, alone and together with the mean.
#include <algorithm>
#include <limits>

#include "autograd/record.h"
#include "backend/kernels_of.h"
#include "ops/promotion.h"
#include "ops/reduction.h"
#include "tenon/ops/ops.h"
#include "tensor/make.h"

namespace tenon {
namespace {

enum class Spread : bool { Variance, Deviation };

// The variance or deviation, and the mean.
struct Moments {
  Tensor spread, mean;
};

Tensor variance_grad(const Tensor& grad, const Tensor& self, const ReducedDims& dims, double divisor) {
  const Tensor deviation = self - mean(self, dims.dims, true);
  return broadcastable(grad, dims.kept) * deviation * Scalar(2.0 / divisor);
}

Tensor deviation_grad(const Tensor& grad, const Tensor& self, const Tensor& result, const ReducedDims& dims,
                      double divisor) {
  const Tensor of_variance = (grad / (result * 2)).masked_fill(result.eq(0), 0);
  return variance_grad(of_variance, self, dims, divisor);
}

Moments moments(const char* op, Spread spread, const Tensor& self, OptionalIntArrayRef dim, double correction,
                bool keepdim) {
  TENON_CHECK(is_differentiable(self.dtype()), op, ": std and var only support floating point and complex dtypes, got ",
              self.dtype());
  const ReducedDims dims(self, dim, op);
  const double divisor = std::max(0.0, static_cast<double>(dims.count) - correction);
  Moments result;
  {
    NoGradGuard no_grad;
    const ScalarType wide = compute_dtype(self.dtype());
    result.mean = make_tensor(dims.kept, wide, self.device(), op);
    Tensor squares = make_tensor(dims.kept, wide, self.device(), op);
    if (self.numel() > 0) {
      kernels_of<&Backend::reduction>(self.device(), op).mean_m2(view_of(result.mean), view_of(squares), view_of(self));
    } else {
      result.mean.fill_(Scalar(std::numeric_limits<double>::quiet_NaN()));
      squares.zero_();
    }
    squares.div_(Scalar(divisor));
    if (spread == Spread::Deviation) squares.sqrt_();
    result.spread = shaped(to_dtype(squares, self.dtype()), dims, keepdim);
    result.mean = shaped(to_dtype(result.mean, self.dtype()), dims, keepdim);
  }
  record_all(op, {&result.spread, &result.mean}, &self, {&self, &result.spread},
             [spread, dims, divisor](const BackwardContext& ctx) -> Grads {
               const Tensor self = ctx.saved(0);
               Tensor grad;
               if (ctx.grad(0).defined()) {
                 grad = spread == Spread::Variance ? variance_grad(ctx.grad(0), self, dims, divisor)
                                                   : deviation_grad(ctx.grad(0), self, ctx.saved(1), dims, divisor);
               }
               if (ctx.grad(1).defined()) {
                 const Tensor of_mean = broadcastable(ctx.grad(1), dims.kept).expand(self.sizes()) / Scalar(dims.count);
                 grad = grad.defined() ? grad + of_mean : of_mean;
               }
               return {grad};
             });
  return result;
}

// Complex numbers spread as their two parts do.
Moments moments_of(const char* op, Spread spread, const Tensor& self, OptionalIntArrayRef dim, double correction,
                   bool keepdim) {
  if (!self.is_complex()) return moments(op, spread, self, dim, correction, keepdim);
  const Tensor variance = moments(op, Spread::Variance, real(self), dim, correction, keepdim).spread +
                          moments(op, Spread::Variance, imag(self), dim, correction, keepdim).spread;
  return {spread == Spread::Variance ? variance : sqrt(variance), mean(self, dim, keepdim)};
}

double correction_of(const optional<Scalar>& correction) { return correction ? correction->to_double() : 1; }

TwoTensors pair(Moments&& moments) { return {std::move(moments.spread), std::move(moments.mean)}; }

}  // namespace

Tensor var(const Tensor& self, bool unbiased) {
  return moments_of("var", Spread::Variance, self, nullopt, unbiased, false).spread;
}
Tensor var(const Tensor& self, OptionalIntArrayRef dim, bool unbiased, bool keepdim) {
  return moments_of("var", Spread::Variance, self, dim, unbiased, keepdim).spread;
}
Tensor var(const Tensor& self, OptionalIntArrayRef dim, const optional<Scalar>& correction, bool keepdim) {
  return moments_of("var", Spread::Variance, self, dim, correction_of(correction), keepdim).spread;
}

Tensor std(const Tensor& self, bool unbiased) {
  return moments_of("std", Spread::Deviation, self, nullopt, unbiased, false).spread;
}
Tensor std(const Tensor& self, OptionalIntArrayRef dim, bool unbiased, bool keepdim) {
  return moments_of("std", Spread::Deviation, self, dim, unbiased, keepdim).spread;
}
Tensor std(const Tensor& self, OptionalIntArrayRef dim, const optional<Scalar>& correction, bool keepdim) {
  return moments_of("std", Spread::Deviation, self, dim, correction_of(correction), keepdim).spread;
}

TwoTensors var_mean(const Tensor& self, bool unbiased) {
  return pair(moments_of("var_mean", Spread::Variance, self, nullopt, unbiased, false));
}
TwoTensors var_mean(const Tensor& self, OptionalIntArrayRef dim, bool unbiased, bool keepdim) {
  return pair(moments_of("var_mean", Spread::Variance, self, dim, unbiased, keepdim));
}
TwoTensors var_mean(const Tensor& self, OptionalIntArrayRef dim, const optional<Scalar>& correction, bool keepdim) {
  return pair(moments_of("var_mean", Spread::Variance, self, dim, correction_of(correction), keepdim));
}

TwoTensors std_mean(const Tensor& self, bool unbiased) {
  return pair(moments_of("std_mean", Spread::Deviation, self, nullopt, unbiased, false));
}
TwoTensors std_mean(const Tensor& self, OptionalIntArrayRef dim, bool unbiased, bool keepdim) {
  return pair(moments_of("std_mean", Spread::Deviation, self, dim, unbiased, keepdim));
}
TwoTensors std_mean(const Tensor& self, OptionalIntArrayRef dim, const optional<Scalar>& correction, bool keepdim) {
  return pair(moments_of("std_mean", Spread::Deviation, self, dim, correction_of(correction), keepdim));
}

}  // namespace tenon
