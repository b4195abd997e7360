// Ops made of elementwise lines: scaled sums, rounding modes, bounds, where.
#include <cmath>

#include "autograd/record.h"
#include "ops/autocast.h"
#include "ops/elementwise.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

using Line = ElementwiseKernel;

// alpha * other in the dtype of the sum, or other itself for the common alpha of one.
Tensor scaled(const Tensor& other, const Scalar& alpha, ScalarType common) {
  if (alpha.equal(1)) return other;
  check_holds("alpha", alpha, common);
  return common == kBool ? logical_and(other, alpha) : mul(to_dtype(other, common), alpha);
}

Scalar scaled(const Scalar& other, const Scalar& alpha, ScalarType common) {
  if (alpha.equal(1)) return other;
  if (common == kBool) return other.to<bool>() && alpha.to<bool>();
  if (other.is_integral() && alpha.is_integral()) {
    return static_cast<int64_t>(static_cast<uint64_t>(other.to_int64()) * static_cast<uint64_t>(alpha.to_int64()));
  }
  if (other.is_complex() || alpha.is_complex())
    return other.to<std::complex<double>>() * alpha.to<std::complex<double>>();
  return other.to_double() * alpha.to_double();
}

void check_alpha(const char* op, const Scalar& alpha, ScalarType common) {
  TENON_CHECK(!alpha.is_floating_point() || is_differentiable(common), op,
              ": alpha must be an integer when both operands are, got ", alpha);
  TENON_CHECK(!alpha.is_bool() || common == kBool, op, ": alpha may be a bool only for bool operands");
}

bool is_bool(const Tensor& operand) { return operand.dtype() == kBool; }
bool is_bool(const Scalar& operand) { return operand.is_bool(); }

// Both return the dtype of the result.
template <class Other>
ScalarType check_add(const Tensor& self, const Other& other, const Scalar& alpha) {
  const ScalarType common = result_type({self, other});
  check_alpha("add", alpha, common);
  return common;
}

// Subtraction of bools is refused, as in PyTorch: logical_xor or logical_not is meant.
template <class Other>
ScalarType check_sub(const Tensor& self, const Other& other, const Scalar& alpha) {
  const ScalarType common = result_type({self, other});
  TENON_CHECK(self.dtype() != kBool && !is_bool(other),
              "sub: bools cannot be subtracted; use logical_xor, bitwise_xor or logical_not");
  check_alpha("sub", alpha, common);
  return common;
}

Line division_line(optional<std::string_view> rounding_mode) {
  if (!rounding_mode) return Line::true_div;
  TENON_CHECK(*rounding_mode == "trunc" || *rounding_mode == "floor",
              "div: rounding_mode must be None, 'trunc' or 'floor', got '", *rounding_mode, "'");
  return *rounding_mode == "trunc" ? Line::trunc_div : Line::floor_div;
}

// Integer powers by negative integers would be fractions.
void check_exponent(const Tensor& self, const Scalar& exponent) {
  check_holds("pow", exponent, result_type({self, exponent}));
  TENON_CHECK(!(is_integral(self.dtype(), true) && exponent.is_integral() && exponent.to_int64() < 0),
              "pow: an integer tensor cannot be raised to the negative integer power ", exponent);
}

// `value` as a number of `dtype`'s kind, so that it does not promote.
Scalar as_kind_of(const Scalar& value, ScalarType dtype) {
  check_holds("masked_fill", value, dtype);
  if (dtype == kBool) return value.to<bool>();
  if (is_integral(dtype, false)) return value.to_int64();
  if (is_complex(dtype)) return value.to<std::complex<double>>();
  return value.to_double();
}

void check_mask(const Tensor& mask) {
  TENON_CHECK(mask.dtype() == kBool, "masked_fill: mask must be a bool tensor, got ", mask.dtype());
}

Tensor fill_value(const Tensor& self, const Tensor& value) {
  TENON_CHECK(value.dim() == 0, "masked_fill: value must be a number or a 0-d tensor, got shape ", value.sizes());
  if (value.is_complex() && !self.is_complex()) check_holds("masked_fill", value.item(), self.dtype());
  return to_dtype(value, self.dtype());
}

void check_condition(const Tensor& condition) {
  TENON_CHECK(condition.dtype() == kBool || condition.dtype() == kByte,
              "where: condition must be a bool tensor, got ", condition.dtype());
}

}  // namespace

Tensor add(const Tensor& self, const Tensor& other, const Scalar& alpha) {
  if (alpha.equal(1)) [[likely]] return elementwise(Line::add2, {self, other});
  return elementwise(Line::add2, {self, scaled(other, alpha, check_add(self, other, alpha))});
}
Tensor add(const Tensor& self, const Scalar& other, const Scalar& alpha) {
  return elementwise(Line::add2, {self, scaled(other, alpha, check_add(self, other, alpha))});
}
const Tensor& add_(const Tensor& self, const Tensor& other, const Scalar& alpha) {
  if (alpha.equal(1)) [[likely]] return elementwise_inplace(Line::add2, self, {self, other});
  return elementwise_inplace(Line::add2, self, {self, scaled(other, alpha, check_add(self, other, alpha))});
}
const Tensor& add_(const Tensor& self, const Scalar& other, const Scalar& alpha) {
  return elementwise_inplace(Line::add2, self, {self, scaled(other, alpha, check_add(self, other, alpha))});
}

Tensor add(const Scalar& self, const Tensor& other, const Scalar& alpha) {
  return elementwise(Line::add2, {self, scaled(other, alpha, check_add(other, self, alpha))});
}
Tensor sub(const Scalar& self, const Tensor& other, const Scalar& alpha) { return rsub(other, self, alpha); }

Tensor sub(const Tensor& self, const Tensor& other, const Scalar& alpha) {
  return elementwise(Line::sub2, {self, scaled(other, alpha, check_sub(self, other, alpha))});
}
Tensor sub(const Tensor& self, const Scalar& other, const Scalar& alpha) {
  return elementwise(Line::sub2, {self, scaled(other, alpha, check_sub(self, other, alpha))});
}
const Tensor& sub_(const Tensor& self, const Tensor& other, const Scalar& alpha) {
  return elementwise_inplace(Line::sub2, self, {self, scaled(other, alpha, check_sub(self, other, alpha))});
}
const Tensor& sub_(const Tensor& self, const Scalar& other, const Scalar& alpha) {
  return elementwise_inplace(Line::sub2, self, {self, scaled(other, alpha, check_sub(self, other, alpha))});
}
Tensor rsub(const Tensor& self, const Tensor& other, const Scalar& alpha) { return sub(other, self, alpha); }
Tensor rsub(const Tensor& self, const Scalar& other, const Scalar& alpha) {
  return elementwise(Line::sub2, {other, scaled(self, alpha, check_sub(self, other, alpha))});
}

Tensor div(const Tensor& self, const Tensor& other, optional<std::string_view> rounding_mode) {
  return elementwise(division_line(rounding_mode), {self, other});
}
Tensor div(const Tensor& self, const Scalar& other, optional<std::string_view> rounding_mode) {
  return elementwise(division_line(rounding_mode), {self, other});
}
Tensor div(const Scalar& self, const Tensor& other, optional<std::string_view> rounding_mode) {
  return elementwise(division_line(rounding_mode), {self, other});
}
const Tensor& div_(const Tensor& self, const Tensor& other, optional<std::string_view> rounding_mode) {
  return elementwise_inplace(division_line(rounding_mode), self, {self, other});
}
const Tensor& div_(const Tensor& self, const Scalar& other, optional<std::string_view> rounding_mode) {
  return elementwise_inplace(division_line(rounding_mode), self, {self, other});
}
Tensor floor_divide(const Tensor& self, const Tensor& other) { return div(self, other, "floor"); }
Tensor floor_divide(const Tensor& self, const Scalar& other) { return div(self, other, "floor"); }
Tensor floor_divide(const Scalar& self, const Tensor& other) { return div(self, other, "floor"); }
const Tensor& floor_divide_(const Tensor& self, const Tensor& other) { return div_(self, other, "floor"); }
const Tensor& floor_divide_(const Tensor& self, const Scalar& other) { return div_(self, other, "floor"); }

Tensor square(const Tensor& self) {
  return elementwise(Line::square_of, Input(self.dtype() == kBool ? to_dtype(self, kLong) : self));
}
const Tensor& square_(const Tensor& self) { return elementwise_inplace(Line::square_of, self, Input(self)); }

Tensor pow(const Tensor& self, const Tensor& exponent) {
  TENON_AUTOCAST(pow, self, exponent)
  return elementwise(Line::pow2, {self, exponent});
}
Tensor pow(const Tensor& self, const Scalar& exponent) {
  TENON_AUTOCAST(pow, self, exponent)
  check_exponent(self, exponent);
  if (self.dtype() == kBool && exponent.is_bool()) return logical_or(self, !exponent.to<bool>());
  if (exponent.equal(2) && result_type({self, exponent}) == self.dtype() && self.dtype() != kBool) return square(self);
  return elementwise(Line::pow2, {self, exponent});
}
Tensor pow(const Scalar& self, const Tensor& exponent) {
  TENON_AUTOCAST(pow, self, exponent)
  return elementwise(Line::pow2, {self, exponent});
}
const Tensor& pow_(const Tensor& self, const Tensor& exponent) {
  return elementwise_inplace(Line::pow2, self, {self, exponent});
}
const Tensor& pow_(const Tensor& self, const Scalar& exponent) {
  check_exponent(self, exponent);
  if (self.dtype() == kBool && exponent.is_bool()) return self.logical_or_(!exponent.to<bool>());
  return elementwise_inplace(Line::pow2, self, {self, exponent});
}
const Tensor& float_power_(const Tensor& self, const Tensor& exponent) {
  return replace_inplace("float_power", self, [&](const Tensor& x) { return float_power(x, exponent); });
}
const Tensor& float_power_(const Tensor& self, const Scalar& exponent) {
  return replace_inplace("float_power", self, [&](const Tensor& x) { return float_power(x, exponent); });
}

namespace {

template <class Base, class Exponent>
ScalarType power_dtype(const Base& base, const Exponent& exponent) {
  return base.is_complex() || exponent.is_complex() ? kComplexDouble : kDouble;
}

}  // namespace

Tensor float_power(const Tensor& self, const Tensor& exponent) {
  const ScalarType wide = power_dtype(self, exponent);
  return pow(to_dtype(self, wide), to_dtype(exponent, wide));
}
Tensor float_power(const Tensor& self, const Scalar& exponent) {
  return pow(to_dtype(self, power_dtype(self, exponent)), exponent);
}
Tensor float_power(const Scalar& self, const Tensor& exponent) {
  return pow(self, to_dtype(exponent, power_dtype(self, exponent)));
}

namespace {

void check_bound(const Tensor&, const optional<Tensor>&) {}
void check_bound(const Tensor& self, const optional<Scalar>& bound) {
  if (bound) check_holds("clamp", *bound, result_type({self, *bound}));
}

template <class Bound>
void check_clamp(const Tensor& self, const optional<Bound>& min, const optional<Bound>& max) {
  TENON_CHECK(min || max, "clamp: at least one of min and max must be given");
  TENON_CHECK(!self.is_complex(), "clamp: not implemented for complex tensors");
  check_bound(self, min);
  check_bound(self, max);
}

template <class Bound>
Tensor clamp_between(const Tensor& self, const optional<Bound>& min, const optional<Bound>& max) {
  check_clamp(self, min, max);
  if (!max) return elementwise(Line::clamp_below, {self, *min});
  if (!min) return elementwise(Line::clamp_above, {self, *max});
  return elementwise(Line::clamp3, {self, *min, *max});
}

template <class Bound>
const Tensor& clamp_between_inplace(const Tensor& self, const optional<Bound>& min, const optional<Bound>& max) {
  check_clamp(self, min, max);
  if (!max) return elementwise_inplace(Line::clamp_below, self, {self, *min});
  if (!min) return elementwise_inplace(Line::clamp_above, self, {self, *max});
  return elementwise_inplace(Line::clamp3, self, {self, *min, *max});
}

}  // namespace

Tensor clamp(const Tensor& self, const optional<Scalar>& min, const optional<Scalar>& max) {
  return clamp_between(self, min, max);
}
Tensor clamp(const Tensor& self, const optional<Tensor>& min, const optional<Tensor>& max) {
  return clamp_between(self, min, max);
}
const Tensor& clamp_(const Tensor& self, const optional<Scalar>& min, const optional<Scalar>& max) {
  return clamp_between_inplace(self, min, max);
}
const Tensor& clamp_(const Tensor& self, const optional<Tensor>& min, const optional<Tensor>& max) {
  return clamp_between_inplace(self, min, max);
}
Tensor clamp_min(const Tensor& self, const Scalar& min) { return clamp(self, optional<Scalar>(min), nullopt); }
Tensor clamp_min(const Tensor& self, const Tensor& min) { return clamp(self, optional<Tensor>(min), nullopt); }
Tensor clamp_max(const Tensor& self, const Scalar& max) { return clamp(self, optional<Scalar>(), max); }
Tensor clamp_max(const Tensor& self, const Tensor& max) { return clamp(self, optional<Tensor>(), max); }
const Tensor& clamp_min_(const Tensor& self, const Scalar& min) { return clamp_(self, optional<Scalar>(min), nullopt); }
const Tensor& clamp_min_(const Tensor& self, const Tensor& min) { return clamp_(self, optional<Tensor>(min), nullopt); }
const Tensor& clamp_max_(const Tensor& self, const Scalar& max) { return clamp_(self, optional<Scalar>(), max); }
const Tensor& clamp_max_(const Tensor& self, const Tensor& max) { return clamp_(self, optional<Tensor>(), max); }

Tensor round(const Tensor& self, int64_t decimals) {
  if (decimals == 0) return elementwise(Line::round_half_even, Input(self));
  TENON_CHECK(self.is_floating_point(), "round: decimals needs a floating-point tensor, got ", self.dtype());
  const double scale = std::pow(10.0, std::abs(static_cast<double>(decimals)));
  return shown_as("RoundBackward1",
                  decimals > 0 ? div(round(mul(self, scale), 0), scale) : mul(round(div(self, scale), 0), scale));
}
const Tensor& round_(const Tensor& self, int64_t decimals) {
  if (decimals == 0) return elementwise_inplace(Line::round_half_even, self, Input(self));
  return replace_inplace("round", self, [&](const Tensor& x) { return round(x, decimals); });
}

namespace {

// `value` times a tensor, as a line of the table takes it: a double, and what no double holds goes into the tensor.
struct Multiple {
  Tensor tensor;
  double factor;
};

Multiple multiple_of(const char* op, const Tensor& tensor, const Scalar& value, ScalarType common) {
  if (value.equal(1)) return {tensor, 1};
  check_holds(op, value, common);
  const double factor = value.to_double();
  const bool inexact = is_complex(common) ? value.is_complex() : value.is_integral() && std::abs(factor) >= 0x1p53;
  return inexact ? Multiple{mul(to_dtype(tensor, common), value), 1} : Multiple{tensor, factor};
}

Multiple added_product(const Tensor& self, const Tensor& tensor1, const Tensor& tensor2, const Scalar& value) {
  return multiple_of("addcmul", tensor1, value, result_type({self, tensor1, tensor2}));
}

Multiple added_quotient(const Tensor& self, const Tensor& tensor1, const Tensor& tensor2, const Scalar& value) {
  TENON_CHECK(is_differentiable(result_type({tensor1, tensor2})),
              "addcdiv: tensor1 and tensor2 are integers; convert one of them");
  return multiple_of("addcdiv", tensor1, value, result_type({self, tensor1, tensor2}));
}

}  // namespace

Tensor addcmul(const Tensor& self, const Tensor& tensor1, const Tensor& tensor2, const Scalar& value) {
  const auto [tensor, factor] = added_product(self, tensor1, tensor2, value);
  return elementwise(Line::addcmul_by, {self, tensor, tensor2}, &factor);
}
Tensor addcdiv(const Tensor& self, const Tensor& tensor1, const Tensor& tensor2, const Scalar& value) {
  const auto [tensor, factor] = added_quotient(self, tensor1, tensor2, value);
  return elementwise(Line::addcdiv_by, {self, tensor, tensor2}, &factor);
}
const Tensor& addcmul_(const Tensor& self, const Tensor& tensor1, const Tensor& tensor2, const Scalar& value) {
  const auto [tensor, factor] = added_product(self, tensor1, tensor2, value);
  return elementwise_inplace(Line::addcmul_by, self, {self, tensor, tensor2}, &factor);
}
const Tensor& addcdiv_(const Tensor& self, const Tensor& tensor1, const Tensor& tensor2, const Scalar& value) {
  const auto [tensor, factor] = added_quotient(self, tensor1, tensor2, value);
  return elementwise_inplace(Line::addcdiv_by, self, {self, tensor, tensor2}, &factor);
}

namespace {
void check_lerp(const Tensor& self, const Tensor& end) {
  TENON_CHECK(self.dtype() == end.dtype(), "lerp: self has dtype ", self.dtype(), " but end has ", end.dtype());
}
}  // namespace

Tensor lerp(const Tensor& self, const Tensor& end, const Tensor& weight) {
  check_lerp(self, end);
  TENON_CHECK(self.dtype() == weight.dtype(), "lerp: self has dtype ", self.dtype(), " but weight has ",
              weight.dtype());
  return elementwise(Line::lerp3, {self, end, weight});
}
Tensor lerp(const Tensor& self, const Tensor& end, const Scalar& weight) {
  check_lerp(self, end);
  return elementwise(Line::lerp3, {self, end, weight});
}
const Tensor& lerp_(const Tensor& self, const Tensor& end, const Tensor& weight) {
  check_lerp(self, end);
  return elementwise_inplace(Line::lerp3, self, {self, end, weight});
}
const Tensor& lerp_(const Tensor& self, const Tensor& end, const Scalar& weight) {
  check_lerp(self, end);
  return elementwise_inplace(Line::lerp3, self, {self, end, weight});
}

Tensor where(const Tensor& condition, const Tensor& self, const Tensor& other) {
  check_condition(condition);
  return elementwise(Line::where3, {condition, self, other});
}
Tensor where(const Tensor& condition, const Scalar& self, const Tensor& other) {
  check_condition(condition);
  check_holds("where", self, result_type({self, other}));
  return elementwise(Line::where3, {condition, self, other});
}
Tensor where(const Tensor& condition, const Tensor& self, const Scalar& other) {
  check_condition(condition);
  check_holds("where", other, result_type({self, other}));
  return elementwise(Line::where3, {condition, self, other});
}
Tensor where(const Tensor& condition, const Scalar& self, const Scalar& other) {
  check_condition(condition);
  return elementwise(Line::where3, {condition, self, other});
}

Tensor masked_fill(const Tensor& self, const Tensor& mask, const Tensor& value) {
  check_mask(mask);
  return elementwise(Line::masked_set, {self, mask, fill_value(self, value)});
}
Tensor masked_fill(const Tensor& self, const Tensor& mask, const Scalar& value) {
  check_mask(mask);
  return elementwise(Line::masked_set, {self, mask, as_kind_of(value, self.dtype())});
}
const Tensor& masked_fill_(const Tensor& self, const Tensor& mask, const Tensor& value) {
  check_mask(mask);
  return elementwise_inplace(Line::masked_set, self, {self, mask, fill_value(self, value)});
}
const Tensor& masked_fill_(const Tensor& self, const Tensor& mask, const Scalar& value) {
  check_mask(mask);
  return elementwise_inplace(Line::masked_set, self, {self, mask, as_kind_of(value, self.dtype())});
}

Tensor polygamma(int64_t n, const Tensor& self) {
  TENON_CHECK(n >= 0, "polygamma: n must not be negative, got ", n);
  if (n == 0) return digamma(self);
  const auto order = static_cast<double>(n);
  return elementwise(Line::polygamma_of, Input(self), &order);
}

Tensor polygamma(const Tensor& self, int64_t n) { return polygamma(n, self); }
const Tensor& polygamma_(const Tensor& self, int64_t n) {
  return replace_inplace("polygamma", self, [&](const Tensor& x) { return polygamma(n, x); });
}

Tensor softsign(const Tensor& input) {
  return input.is_complex() ? div(input, add(abs(input), 1)) : elementwise(Line::softsign_of, Input(input));
}

Tensor logit(const Tensor& self, optional<double> eps) {
  return elementwise(Line::logit_of, Input(eps ? clamp(self, optional<Scalar>(*eps), 1 - *eps) : self));
}

const Tensor& logit_(const Tensor& self, optional<double> eps) {
  return replace_inplace("logit", self, [&](const Tensor& x) { return logit(x, eps); });
}

Tensor nan_to_num(const Tensor& self, optional<double> nan, optional<double> posinf, optional<double> neginf) {
  if (is_integral(self.dtype(), true)) return self.clone();
  const double largest = greatest_finite(to_real(self.dtype()));
  const double params[] = {nan.value_or(0), posinf.value_or(largest), neginf.value_or(-largest)};
  return elementwise(Line::nan_to_num_with, Input(self), params);
}

const Tensor& nan_to_num_(const Tensor& self, optional<double> nan, optional<double> posinf, optional<double> neginf) {
  return replace_inplace("nan_to_num", self, [&](const Tensor& x) { return nan_to_num(x, nan, posinf, neginf); });
}

Tensor gelu(const Tensor& self, std::string_view approximate) {
  TENON_CHECK(approximate == "none" || approximate == "tanh", "gelu: approximate must be 'none' or 'tanh', got '",
              approximate, "'");
  TENON_CHECK(self.is_floating_point(), "gelu: the tensor must be floating-point, got ", self.dtype());
  return elementwise(approximate == "none" ? Line::gelu_erf : Line::gelu_tanh, Input(self));
}

Tensor sum_to_size(const Tensor& self, IntArrayRef size) {
  // As any sum, that over all dims widens integers.
  if (size.empty() && is_integral(self.dtype(), true)) return sum(self);
  if (self.sizes() == size) return self;
  TENON_CHECK(is_expandable_to(size, self.sizes()), "sum_to_size: size ", size, " does not broadcast to shape ",
              self.sizes());
  const size_t lead = self.sizes().size() - size.size();
  DimVector dims;
  for (size_t d = 0; d < self.sizes().size(); ++d) {
    if (d < lead || (size[d - lead] == 1 && self.sizes()[d] != 1)) dims.push_back(static_cast<int64_t>(d));
  }
  Tensor result = dims.empty() ? self : sum(self, dims, true);
  return lead > 0 ? result.view(size) : result;
}

Tensor isclose(const Tensor& self, const Tensor& other, double rtol, double atol, bool equal_nan) {
  TENON_CHECK(self.dtype() == other.dtype(), "isclose: self has dtype ", self.dtype(), " but other has ",
              other.dtype());
  TENON_CHECK(rtol >= 0 && atol >= 0, "isclose: rtol and atol must not be negative, got ", rtol, " and ", atol);
  NoGradGuard no_grad;
  Tensor close = eq(self, other);
  if (equal_nan && is_differentiable(self.dtype())) close = logical_or(close, logical_and(isnan(self), isnan(other)));
  if (rtol == 0 && atol == 0) return close;
  Tensor a = is_differentiable(self.dtype()) ? self : to_dtype(self, kDouble);
  Tensor b = is_differentiable(self.dtype()) ? other : to_dtype(other, kDouble);
  Tensor error = abs(sub(a, b));
  return logical_or(close, logical_and(isfinite(error), le(error, add(mul(abs(b), rtol), atol))));
}

Tensor real(const Tensor& self) { return self.is_complex() ? view_as_real(self).select(-1, 0) : self; }
Tensor imag(const Tensor& self) {
  TENON_CHECK(self.is_complex(), "imag: the tensor must be complex, got ", self.dtype());
  return view_as_real(self).select(-1, 1);
}
Tensor conj(const Tensor& self) { return self.is_complex() ? elementwise(Line::conj_values, Input(self)) : self; }

}  // namespace tenon
