// Special functions and splittings of numbers that are made of other ops.
#include <cmath>
#include <numbers>

#include "ops/elementwise.h"
#include "ops/promotion.h"
#include "tenon/ops/ops.h"

namespace tenon {

Tensor mvlgamma(const Tensor& self, int64_t p) {
  TENON_CHECK(p >= 1, "mvlgamma: p has to be greater than or equal to 1, but is ", p);
  const Tensor x = to_dtype(self, to_floating(self.dtype()));
  // The sum of lgamma(x - j / 2) over j < p.
  const Tensor steps = arange(p, x.options().requires_grad(false)) * 0.5;
  const auto dimension = static_cast<double>(p);
  return lgamma(x.unsqueeze(-1) - steps).sum(-1) + dimension * (dimension - 1) / 4 * std::log(std::numbers::pi);
}

const Tensor& mvlgamma_(const Tensor& self, int64_t p) {
  return replace_inplace("mvlgamma", self, [&](const Tensor& x) { return mvlgamma(x, p); });
}

Tensor ldexp(const Tensor& self, const Tensor& other) {
  const ScalarType dtype = to_floating(result_type({self, other}));
  const Tensor x = to_dtype(self, dtype);
  if (!is_integral(other.dtype(), true)) return x * exp2(to_dtype(other, dtype));
  // In two steps, since the power alone may overflow where the product does not.
  const Tensor exponent = to_dtype(other, kLong), half = div(exponent, 2, "floor");
  return x * exp2(to_dtype(half, to_real(dtype))) * exp2(to_dtype(exponent - half, to_real(dtype)));
}

const Tensor& ldexp_(const Tensor& self, const Tensor& other) {
  return replace_inplace("ldexp", self, [&](const Tensor& x) { return ldexp(x, other); });
}

TwoTensors frexp(const Tensor& self) {
  TENON_CHECK(self.is_floating_point(), "frexp: only supports floating-point dtypes, got ", self.dtype());
  const Tensor values = self.detach();
  const Tensor exponent = elementwise(ElementwiseKernel::frexp_exponent, Input(values));
  return {elementwise(ElementwiseKernel::frexp_mantissa, Input(self)), to_dtype(exponent, kInt)};
}

Tensor positive(const Tensor& self) {
  TENON_CHECK(self.dtype() != kBool, "positive: The `+` operator, on a bool tensor is not supported.");
  return self;
}

Tensor isreal(const Tensor& self) {
  return self.is_complex() ? eq(imag(self), 0) : ones_like(self, TensorOptions(kBool));
}

Tensor true_divide(const Tensor& self, const Tensor& other) { return div(self, other); }
Tensor true_divide(const Tensor& self, const Scalar& other) { return div(self, other); }
const Tensor& true_divide_(const Tensor& self, const Tensor& other) { return self.div_(other); }
const Tensor& true_divide_(const Tensor& self, const Scalar& other) { return self.div_(other); }

}  // namespace tenon
