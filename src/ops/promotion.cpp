// Type promotion; see promotion.h.
#include "ops/promotion.h"

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

}  // namespace

void Promotion::add(const Input& input) {
  if (input.number) {
    merge(numbers_, input.number->dtype(get_default_dtype()));
  } else {
    merge(input.tensor->dim() > 0 ? dims_ : zero_dims_, input.tensor->dtype());
  }
}

ScalarType Promotion::result() const { return *outrank(dims_, outrank(zero_dims_, numbers_)); }

ScalarType result_type(ArrayRef<Input> inputs) {
  Promotion promotion;
  for (const Input& input : inputs) promotion.add(input);
  return promotion.result();
}

}  // namespace tenon
