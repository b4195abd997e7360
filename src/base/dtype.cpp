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

// A signed type that is wider than the unsigned one holds it already; else the next wider one does.
ScalarType promote_integers(ScalarType a, ScalarType b) {
  if (is_signed(a) == is_signed(b)) return element_size(a) > element_size(b) ? a : b;
  const ScalarType with_sign = is_signed(a) ? a : b, without = is_signed(a) ? b : a;
  if (element_size(with_sign) > element_size(without)) return with_sign;
  TENON_CHECK(without != kUInt64, "Promotion of uint64 and a signed integer is not supported, attempted to promote ", a,
              " and ", b);
  return without == kByte ? kShort : without == kUInt16 ? kInt : kLong;
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
