// The special functions of series-inl.h as functions of a double, for host and device; depends on base alone.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>

#include "tenon/base/half.h"

namespace tenon::expr::special {
namespace series {

using std::abs, std::copysign, std::exp, std::isinf, std::log, std::sin, std::sqrt, std::tan, std::trunc;

TENON_HOST_DEVICE inline double where(bool condition, double yes, double no) { return condition ? yes : no; }
TENON_HOST_DEVICE inline bool none(bool condition) { return !condition; }
TENON_HOST_DEVICE inline double multiply_add(double a, double b, double c) { return a * b + c; }
// What rounding takes from the square would show in its exponential.
TENON_HOST_DEVICE inline double exp_square(double x) {
  const double square = x * x;
  return std::exp(square) * (1 + std::fma(x, x, -square));
}
template <class Yes, class No>
TENON_HOST_DEVICE inline double piecewise(bool condition, const Yes& yes, const No& no) {
  return condition ? yes() : no();
}

#define TENON_FORMULA TENON_HOST_DEVICE inline
#define TENON_PIECE
#include "backend/expr/series-inl.h"
#undef TENON_FORMULA
#undef TENON_PIECE

}  // namespace series

using series::kAsymptotic, series::kInf, series::kNan, series::kPi;

#define TENON_SERIES(name) \
  TENON_HOST_DEVICE inline double name(double x) { return series::name<double>(x); }
#include "backend/expr/special_words.inc"

}  // namespace tenon::expr::special
