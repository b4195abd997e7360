// Names, promotion and casting of dtypes. Depends on nothing but the list of dtypes.
#include "tenon/base/dtype.h"

#include <algorithm>
#include <ostream>

namespace tenon {

const char* dtype_name(ScalarType dtype) {
  switch (dtype) {
#define TENON_NAME(type, name, python) \
  case ScalarType::name:               \
    return #python;
    TENON_FORALL_DTYPES(TENON_NAME)
#undef TENON_NAME
  }
  return "unknown";
}

std::ostream& operator<<(std::ostream& out, ScalarType dtype) { return out << dtype_name(dtype); }

namespace {

// bool < integers < floats < complex: a higher category always wins.
int category(ScalarType t) { return t == kBool ? 0 : is_integral(t, false) ? 1 : is_floating_point(t) ? 2 : 3; }

ScalarType promote_integers(ScalarType a, ScalarType b) {
  if (a == kByte || b == kByte) {
    // uint8 and int8 need int16; wider signed types hold uint8 already.
    ScalarType other = a == kByte ? b : a;
    return element_size(other) == 1 ? kShort : other;
  }
  return element_size(a) > element_size(b) ? a : b;
}

}  // namespace

ScalarType promote_types(ScalarType a, ScalarType b) {
  if (a == b) return a;
  const int category_a = category(a), category_b = category(b);
  switch (std::max(category_a, category_b)) {
    case 3:
      return to_real(a) == kDouble || to_real(b) == kDouble ? kComplexDouble : kComplexFloat;
    case 2:
      if (category_a != category_b) return category_a == 2 ? a : b;
      return a == kDouble || b == kDouble ? kDouble : kFloat;
    default:
      if (category_a != category_b) return category_a == 1 ? a : b;
      return promote_integers(a, b);
  }
}

bool can_cast(ScalarType from, ScalarType to) {
  if (is_complex(from) && !is_complex(to)) return false;
  if (is_floating_point(from) && is_integral(to, true)) return false;
  return to != kBool || from == kBool;
}

}  // namespace tenon
