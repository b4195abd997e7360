// Real<T>: one float or double as a value type of the elementwise formulas, in CUDA's own math functions. Comparisons
// give Lane<bool>, as those of the integer lanes do.
#pragma once

#include <cmath>
#include <type_traits>

#include "backend/expr/bessel.h"
#include "backend/expr/gamma.h"
#include "backend/expr/lane.h"
#include "backend/expr/orthogonal.h"
#include "backend/expr/special.h"

#define TENON_REAL __host__ __device__ inline __attribute__((always_inline))

namespace tenon::cuda {

using Flag = expr::Lane<bool>;

template <class T>
struct Real {
  using value_type = T;
  T value;

  template <class C>
    requires std::is_arithmetic_v<C>
  TENON_REAL Real(C c) : value(static_cast<T>(c)) {}

  friend TENON_REAL Real operator+(Real a, Real b) { return a.value + b.value; }
  friend TENON_REAL Real operator-(Real a, Real b) { return a.value - b.value; }
  friend TENON_REAL Real operator*(Real a, Real b) { return a.value * b.value; }
  friend TENON_REAL Real operator/(Real a, Real b) { return a.value / b.value; }
  friend TENON_REAL Real operator-(Real a) { return -a.value; }
  friend TENON_REAL Flag operator==(Real a, Real b) { return Flag(a.value == b.value); }
  friend TENON_REAL Flag operator!=(Real a, Real b) { return Flag(a.value != b.value); }
  friend TENON_REAL Flag operator<(Real a, Real b) { return Flag(a.value < b.value); }
  friend TENON_REAL Flag operator<=(Real a, Real b) { return Flag(a.value <= b.value); }
  friend TENON_REAL Flag operator>(Real a, Real b) { return Flag(a.value > b.value); }
  friend TENON_REAL Flag operator>=(Real a, Real b) { return Flag(a.value >= b.value); }
};

template <class T>
TENON_REAL Real<T> where(Flag condition, Real<T> yes, Real<T> no) {
  return condition.value ? yes : no;
}
template <class T>
TENON_REAL Real<T> zeros_like(Real<T>) {
  return Real<T>(0);
}

// --- functions that CUDA's library has

#define TENON_REAL1(name, function)             \
  template <class T>                            \
  TENON_REAL Real<T> name(Real<T> x) {          \
    return Real<T>(function(x.value));          \
  }
#define TENON_REAL2(name, function)             \
  template <class T>                            \
  TENON_REAL Real<T> name(Real<T> a, Real<T> b) { \
    return Real<T>(function(a.value, b.value)); \
  }
TENON_REAL1(abs, ::fabs)
TENON_REAL1(floor, ::floor)
TENON_REAL1(ceil, ::ceil)
TENON_REAL1(trunc, ::trunc)
TENON_REAL1(round, ::rint)
TENON_REAL1(sqrt, ::sqrt)
TENON_REAL1(exp, ::exp)
TENON_REAL1(exp2, ::exp2)
TENON_REAL1(expm1, ::expm1)
TENON_REAL1(log, ::log)
TENON_REAL1(log2, ::log2)
TENON_REAL1(log10, ::log10)
TENON_REAL1(log1p, ::log1p)
TENON_REAL1(sin, ::sin)
TENON_REAL1(cos, ::cos)
TENON_REAL1(tan, ::tan)
TENON_REAL1(asin, ::asin)
TENON_REAL1(acos, ::acos)
TENON_REAL1(atan, ::atan)
TENON_REAL1(sinh, ::sinh)
TENON_REAL1(cosh, ::cosh)
TENON_REAL1(tanh, ::tanh)
TENON_REAL1(asinh, ::asinh)
TENON_REAL1(acosh, ::acosh)
TENON_REAL1(atanh, ::atanh)
TENON_REAL1(erf, ::erf)
TENON_REAL1(erfc, ::erfc)
TENON_REAL1(erfinv, ::erfinv)
TENON_REAL1(lgamma, ::lgamma)
TENON_REAL2(pow, ::pow)
TENON_REAL2(fmod, ::fmod)
TENON_REAL2(atan2, ::atan2)
TENON_REAL2(hypot, ::hypot)
TENON_REAL2(copysign, ::copysign)
TENON_REAL2(nextafter, ::nextafter)
TENON_REAL2(floor_div, expr::special::floor_divide)
TENON_REAL2(remainder, expr::special::python_remainder)
#define TENON_WORD1(name) TENON_REAL1(name, expr::special::name)
#define TENON_WORD2(name) TENON_REAL2(name, expr::special::name)
#include "backend/expr/special_words.inc"
#undef TENON_REAL1
#undef TENON_REAL2

// --- the rest

template <class T>
TENON_REAL Real<T> conj(Real<T> x) {
  return x;
}
template <class T>
TENON_REAL Real<T> real(Real<T> x) {
  return x;
}
template <class T>
TENON_REAL Flag isnan(Real<T> x) {
  return x != x;
}
template <class T>
TENON_REAL Flag isinf(Real<T> x) {
  return abs(x) == HUGE_VAL;
}
template <class T>
TENON_REAL Flag isfinite(Real<T> x) {
  return abs(x) < HUGE_VAL;
}
template <class T>
TENON_REAL Flag isposinf(Real<T> x) {
  return x == HUGE_VAL;
}
template <class T>
TENON_REAL Flag isneginf(Real<T> x) {
  return x == -HUGE_VAL;
}
template <class T>
TENON_REAL Flag signbit(Real<T> x) {
  return Flag(::copysign(T(1), x.value) < T(0));
}
// 0 for NaN.
template <class T>
TENON_REAL Real<T> sign(Real<T> x) {
  return Real<T>((x.value > T(0)) - (x.value < T(0)));
}
template <class T>
TENON_REAL Real<T> sgn(Real<T> x) {
  return sign(x);
}
// Real numbers only: the sign does not change.
template <class T>
TENON_REAL Real<T> sgn_grad(Real<T> g, Real<T>, Real<T>) {
  return zeros_like(g);
}
// NaN where either is.
template <class T>
TENON_REAL Real<T> maximum(Real<T> a, Real<T> b) {
  return a.value > b.value || a.value != a.value ? a : b;
}
template <class T>
TENON_REAL Real<T> minimum(Real<T> a, Real<T> b) {
  return a.value < b.value || a.value != a.value ? a : b;
}
template <class T>
TENON_REAL Real<T> trunc_div(Real<T> a, Real<T> b) {
  return trunc(a / b);
}
template <class T>
TENON_REAL Real<T> sigmoid(Real<T> x) {
  return 1 / (1 + exp(-x));
}
template <class T>
TENON_REAL Real<T> polygamma(double n, Real<T> x) {
  return Real<T>(expr::special::polygamma(n, x.value));
}

}  // namespace tenon::cuda
