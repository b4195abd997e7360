// Type promotion; see promotion.h.
#include "ops/promotion.h"

#include <cmath>
#include <limits>

#include "tenon/ops/ops.h"

namespace tenon {
namespace {

void merge(optional<ScalarType>& into, ScalarType dtype) { into = into ? promote_types(*into, dtype) : dtype; }

// `lower` changes `higher` only when it is of a higher kind (bool < integer < float < complex).
optional<ScalarType> outrank(optional<ScalarType> higher, optional<ScalarType> lower) {
  if (!higher) return lower;
  if (!lower || is_complex(*higher)) return higher;
  if (is_floating_point(*higher)) return is_complex(*lower) ? to_complex(*higher) : *higher;
  if (*higher == kBool || is_differentiable(*lower)) return promote_types(*higher, *lower);
  return higher;
}

bool holds_real(ScalarType dtype, double value) {
  return !std::isfinite(value) || std::abs(value) <= greatest_finite(to_real(dtype));
}

template <class T>
bool holds(const Scalar& value) {
  if constexpr (std::is_same_v<T, bool>) return true;
  const auto number = value.to<std::complex<double>>();
  if constexpr (!std::is_integral_v<T>) {
    return holds_real(dtype_v<T>, number.real()) &&
           (is_complex(dtype_v<T>) ? holds_real(dtype_v<T>, number.imag()) : number.imag() == 0);
  } else if constexpr (sizeof(T) == 8) {
    if (value.kind() == Scalar::Kind::Unsigned) return std::is_unsigned_v<T>;
    return value.is_integral() || (number.imag() == 0 && number.real() >= -0x1p63 && number.real() < 0x1p63);
  } else {
    constexpr double greatest = std::numeric_limits<T>::max();
    const double least = value.is_integral() && std::is_unsigned_v<T> ? -greatest : std::numeric_limits<T>::min();
    return number.imag() == 0 && number.real() >= least && number.real() <= greatest;
  }
}

}  // namespace

double greatest_finite(ScalarType dtype) {
  switch (dtype) {
    case kHalf:
      return 65504;
    case kBFloat16:
      return 0x1.fep127;
    case kFloat:
      return std::numeric_limits<float>::max();
    default:
      return std::numeric_limits<double>::max();
  }
}

void check_holds(const char* op, const Scalar& value, ScalarType dtype) {
  const bool fits = visit_dtype(dtype, [&](auto zero) { return holds<decltype(zero)>(value); });
  TENON_CHECK(fits, op, ": value ", value, " cannot be converted to type ", dtype, " without overflow");
}

Tensor to_input_dtype(const Tensor& grad, ScalarType dtype) {
  return to_dtype(grad.is_complex() && !is_complex(dtype) ? real(grad) : grad, dtype);
}

void Promotion::add(const Input& input) {
  if (input.number) {
    merge(numbers_, input.number->dtype(get_default_dtype()));
  } else {
    merge(input.tensor->dim() > 0 ? dims_ : zero_dims_, input.tensor->dtype());
  }
}

ScalarType Promotion::result() const {
  const ScalarType result = *outrank(dims_, outrank(zero_dims_, numbers_));
  TENON_CHECK_AS(Error, numbers_ != kUInt64 || result == kUInt64 || is_differentiable(result),
                 "a number beyond int64 cannot be converted to type ", result, " without overflow");
  return result;
}

ScalarType result_type(ArrayRef<Input> inputs) {
  Promotion promotion;
  for (const Input& input : inputs) promotion.add(input);
  return promotion.result();
}

}  // namespace tenon
