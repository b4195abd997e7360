// Lane<T>: one integer, bool or complex number as a value type of the elementwise formulas. Integers wrap around and
// every operation is defined for every input. Depends on base alone; the CPU and CUDA loops use it.
#pragma once

#include <cmath>
#include <complex>
#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "tenon/base/half.h"

#define TENON_LANE TENON_HOST_DEVICE inline __attribute__((always_inline))

namespace tenon::expr {

template <class T>
inline constexpr bool is_complex_v = false;
template <class R>
inline constexpr bool is_complex_v<std::complex<R>> = true;

// A floating constant as a T; out of the range of int64 it saturates, then it wraps to T's width.
template <class T, class C>
TENON_LANE T constant(C c) {
  if constexpr (is_complex_v<T>) {
    return T(static_cast<typename T::value_type>(c));
  } else if constexpr (std::is_same_v<T, bool>) {
    return c != 0;
  } else if constexpr (std::is_floating_point_v<C>) {
    if (!(c == c)) return 0;
    if (c >= 9223372036854775808.0) return static_cast<T>(INT64_MAX);
    if (c < -9223372036854775808.0) return static_cast<T>(INT64_MIN);
    return static_cast<T>(static_cast<int64_t>(c));
  } else {
    return static_cast<T>(c);
  }
}

template <class T>
struct Lane {
  using value_type = T;
  T value;

  TENON_LANE Lane(T v) : value(v) {}
  template <class C>
  requires(std::is_arithmetic_v<C> && !std::is_same_v<C, T>) TENON_LANE Lane(C c) : value(constant<T>(c)) {}
};

namespace lane {

// At least as wide as int, so that nothing is promoted to a signed type on the way.
template <class T>
using Wide = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

template <class T>
TENON_LANE T wrap_neg(T a) {
  return static_cast<T>(Wide<T>{0} - static_cast<Wide<T>>(a));
}

// Smith's division; a zero divisor gives what the parts give.
template <class R>
TENON_LANE std::complex<R> divide(std::complex<R> a, std::complex<R> b) {
  R c = b.real(), d = b.imag();
  if (std::abs(c) >= std::abs(d)) {
    if (c == 0 && d == 0) return {a.real() / std::abs(c), a.imag() / std::abs(d)};
    R ratio = d / c, scale = 1 / (c + d * ratio);
    return {(a.real() + a.imag() * ratio) * scale, (a.imag() - a.real() * ratio) * scale};
  }
  R ratio = c / d, scale = 1 / (c * ratio + d);
  return {(a.real() * ratio + a.imag()) * scale, (a.imag() * ratio - a.real()) * scale};
}

template <class R>
TENON_LANE std::complex<R> multiply(std::complex<R> a, std::complex<R> b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

}  // namespace lane

template <class T>
concept Constant = std::is_arithmetic_v<T>;

// --- arithmetic

template <class T>
TENON_LANE Lane<T> operator+(Lane<T> a, Lane<T> b) {
  if constexpr (std::is_same_v<T, bool>)
    return Lane<T>(a.value || b.value);
  else if constexpr (is_complex_v<T>)
    return Lane<T>(a.value + b.value);
  else
    return Lane<T>(static_cast<T>(static_cast<lane::Wide<T>>(a.value) + static_cast<lane::Wide<T>>(b.value)));
}
template <class T>
TENON_LANE Lane<T> operator-(Lane<T> a, Lane<T> b) {
  if constexpr (is_complex_v<T>)
    return Lane<T>(a.value - b.value);
  else
    return Lane<T>(static_cast<T>(static_cast<lane::Wide<T>>(a.value) - static_cast<lane::Wide<T>>(b.value)));
}
template <class T>
TENON_LANE Lane<T> operator*(Lane<T> a, Lane<T> b) {
  if constexpr (std::is_same_v<T, bool>)
    return Lane<T>(a.value && b.value);
  else if constexpr (is_complex_v<T>)
    return Lane<T>(lane::multiply(a.value, b.value));
  else
    return Lane<T>(static_cast<T>(static_cast<lane::Wide<T>>(a.value) * static_cast<lane::Wide<T>>(b.value)));
}
template <class R>
TENON_LANE Lane<std::complex<R>> operator/(Lane<std::complex<R>> a, Lane<std::complex<R>> b) {
  return Lane<std::complex<R>>(lane::divide(a.value, b.value));
}
template <class T>
TENON_LANE Lane<T> operator-(Lane<T> a) {
  if constexpr (is_complex_v<T>)
    return Lane<T>(-a.value);
  else
    return Lane<T>(lane::wrap_neg(a.value));
}

template <class T, Constant C>
TENON_LANE Lane<T> operator+(Lane<T> a, C c) {
  return a + Lane<T>(c);
}
template <class T, Constant C>
TENON_LANE Lane<T> operator+(C c, Lane<T> a) {
  return Lane<T>(c) + a;
}
template <class T, Constant C>
TENON_LANE Lane<T> operator-(Lane<T> a, C c) {
  return a - Lane<T>(c);
}
template <class T, Constant C>
TENON_LANE Lane<T> operator-(C c, Lane<T> a) {
  return Lane<T>(c) - a;
}
// A real constant scales the parts of a complex number apart: 2 * (inf + 0i) has no NaN.
template <class T, Constant C>
TENON_LANE Lane<T> operator*(Lane<T> a, C c) {
  if constexpr (is_complex_v<T>)
    return Lane<T>(a.value * static_cast<typename T::value_type>(c));
  else
    return a * Lane<T>(c);
}
template <class T, Constant C>
TENON_LANE Lane<T> operator*(C c, Lane<T> a) {
  return a * c;
}
template <class T, Constant C>
TENON_LANE Lane<T> operator/(C c, Lane<T> a) {
  return Lane<T>(c) / a;
}

// --- comparison and logic

#define TENON_LANE_COMPARE(op)                              \
  template <class T>                                        \
  TENON_LANE Lane<bool> operator op(Lane<T> a, Lane<T> b) { \
    return Lane<bool>(a.value op b.value);                  \
  }                                                         \
  template <class T, Constant C>                            \
  TENON_LANE Lane<bool> operator op(Lane<T> a, C c) {       \
    return a op Lane<T>(c);                                 \
  }
TENON_LANE_COMPARE(==)
TENON_LANE_COMPARE(!=)
TENON_LANE_COMPARE(<)
TENON_LANE_COMPARE(<=)
TENON_LANE_COMPARE(>)
TENON_LANE_COMPARE(>=)
#undef TENON_LANE_COMPARE

template <std::integral T>
TENON_LANE Lane<T> operator&(Lane<T> a, Lane<T> b) {
  return Lane<T>(static_cast<T>(a.value & b.value));
}
template <std::integral T>
TENON_LANE Lane<T> operator|(Lane<T> a, Lane<T> b) {
  return Lane<T>(static_cast<T>(a.value | b.value));
}
template <std::integral T>
TENON_LANE Lane<T> operator^(Lane<T> a, Lane<T> b) {
  return Lane<T>(static_cast<T>(a.value ^ b.value));
}
template <std::integral T>
TENON_LANE Lane<T> operator~(Lane<T> a) {
  if constexpr (std::is_same_v<T, bool>)
    return Lane<T>(!a.value);
  else
    return Lane<T>(static_cast<T>(~a.value));
}
// A shift by a negative amount, or by the width or more, shifts everything out.
template <std::integral T>
TENON_LANE Lane<T> operator<<(Lane<T> a, Lane<T> b) {
  auto count = static_cast<std::make_unsigned_t<T>>(b.value);
  bool in_range = count < 8 * sizeof(T);
  auto shifted = static_cast<lane::Wide<T>>(a.value) << (in_range ? count : 0);
  return Lane<T>(in_range ? static_cast<T>(shifted) : T{0});
}
template <std::integral T>
TENON_LANE Lane<T> operator>>(Lane<T> a, Lane<T> b) {
  constexpr int kWidth = 8 * sizeof(T);
  auto count = static_cast<std::make_unsigned_t<T>>(b.value);
  bool in_range = count < kWidth;
  if constexpr (std::is_signed_v<T>)
    return Lane<T>(static_cast<T>(a.value >> (in_range ? count : kWidth - 1)));
  else
    return Lane<T>(in_range ? static_cast<T>(a.value >> count) : T{0});
}

template <class T>
TENON_LANE Lane<T> where(Lane<bool> condition, Lane<T> a, Lane<T> b) {
  return condition.value ? a : b;
}
template <class T>
TENON_LANE Lane<T> zeros_like(Lane<T>) {
  return Lane<T>(T{});
}

// --- of real numbers

template <std::integral T>
TENON_LANE Lane<T> maximum(Lane<T> a, Lane<T> b) {
  return a.value < b.value ? b : a;
}
template <std::integral T>
TENON_LANE Lane<T> minimum(Lane<T> a, Lane<T> b) {
  return b.value < a.value ? b : a;
}
template <std::integral T>
TENON_LANE Lane<T> abs(Lane<T> a) {
  return a.value < T{0} ? -a : a;
}
template <std::integral T>
TENON_LANE Lane<T> sign(Lane<T> a) {
  return Lane<T>(static_cast<T>((a.value > T{0}) - (a.value < T{0})));
}
template <std::integral T>
TENON_LANE Lane<T> sgn(Lane<T> a) {
  return sign(a);
}
template <std::integral T>
TENON_LANE Lane<T> conj(Lane<T> a) {
  return a;
}
template <std::integral T>
TENON_LANE Lane<T> floor(Lane<T> a) {
  return a;
}
template <std::integral T>
TENON_LANE Lane<T> ceil(Lane<T> a) {
  return a;
}
template <std::integral T>
TENON_LANE Lane<T> trunc(Lane<T> a) {
  return a;
}
template <std::integral T>
TENON_LANE Lane<T> round(Lane<T> a) {
  return a;
}
template <std::integral T>
TENON_LANE Lane<bool> isnan(Lane<T>) {
  return Lane<bool>(false);
}
template <std::integral T>
TENON_LANE Lane<bool> isinf(Lane<T>) {
  return Lane<bool>(false);
}
template <std::integral T>
TENON_LANE Lane<bool> isposinf(Lane<T>) {
  return Lane<bool>(false);
}
template <std::integral T>
TENON_LANE Lane<bool> isneginf(Lane<T>) {
  return Lane<bool>(false);
}
template <std::integral T>
TENON_LANE Lane<bool> isfinite(Lane<T>) {
  return Lane<bool>(true);
}
template <std::integral T>
TENON_LANE Lane<bool> signbit(Lane<T> a) {
  return Lane<bool>(a.value < T{0});
}

// Division by zero gives 0; the most negative number by -1 wraps around to itself.
template <std::integral T>
TENON_LANE Lane<T> trunc_div(Lane<T> a, Lane<T> b) {
  if (b.value == 0) return Lane<T>(T{0});
  if constexpr (std::is_signed_v<T>) {
    if (b.value == -1) return -a;
  }
  return Lane<T>(static_cast<T>(a.value / b.value));
}
template <std::integral T>
TENON_LANE Lane<T> fmod(Lane<T> a, Lane<T> b) {
  if (b.value == 0) return Lane<T>(T{0});
  if constexpr (std::is_signed_v<T>) {
    if (b.value == -1) return Lane<T>(T{0});
  }
  return Lane<T>(static_cast<T>(a.value % b.value));
}
template <std::integral T>
TENON_LANE Lane<T> remainder(Lane<T> a, Lane<T> b) {
  T rest = fmod(a, b).value;
  if constexpr (std::is_signed_v<T>) {
    if (rest != 0 && (rest < 0) != (b.value < 0)) rest = static_cast<T>(rest + b.value);
  }
  return Lane<T>(rest);
}
template <std::integral T>
TENON_LANE Lane<T> floor_div(Lane<T> a, Lane<T> b) {
  Lane<T> quotient = trunc_div(a, b);
  if constexpr (std::is_signed_v<T>) {
    T rest = fmod(a, b).value;
    if (rest != 0 && (rest < 0) != (b.value < 0)) return quotient - 1;
  }
  return quotient;
}

// A negative exponent leaves 1 and -1 their powers and takes everything else to 0.
template <std::integral T>
TENON_LANE Lane<T> pow(Lane<T> base, Lane<T> exponent) {
  T n = exponent.value;
  if constexpr (std::is_signed_v<T>) {
    if (n < 0) {
      if (base.value == 1) return base;
      if (base.value == -1) return n & 1 ? base : -base;
      return Lane<T>(T{0});
    }
  }
  Lane<T> result(T{1});
  for (Lane<T> power = base; n != 0; n = static_cast<T>(n >> 1), power = power * power) {
    if (n & 1) result = result * power;
  }
  return result;
}

template <std::integral T>
TENON_LANE Lane<T> gcd(Lane<T> a, Lane<T> b) {
  using U = std::make_unsigned_t<T>;
  U x = static_cast<U>(abs(a).value), y = static_cast<U>(abs(b).value);
  while (y != 0) {
    U rest = static_cast<U>(x % y);
    x = y;
    y = rest;
  }
  return Lane<T>(static_cast<T>(x));
}
template <std::integral T>
TENON_LANE Lane<T> lcm(Lane<T> a, Lane<T> b) {
  Lane<T> divisor = gcd(a, b);
  if (divisor.value == 0) return divisor;
  // Narrow types take the absolute value before they wrap around.
  using Signed = std::conditional_t<sizeof(T) == 8, int64_t, int32_t>;
  Lane<Signed> product = Lane<Signed>(trunc_div(a, divisor).value) * Lane<Signed>(b.value);
  return Lane<T>(static_cast<T>(abs(product).value));
}

// --- of complex numbers

#define TENON_LANE_COMPLEX1(name)                                  \
  template <class R>                                               \
  TENON_LANE Lane<std::complex<R>> name(Lane<std::complex<R>> a) { \
    return Lane<std::complex<R>>(std::name(a.value));              \
  }
TENON_LANE_COMPLEX1(conj)
TENON_LANE_COMPLEX1(sqrt)
TENON_LANE_COMPLEX1(exp)
TENON_LANE_COMPLEX1(log)
TENON_LANE_COMPLEX1(sin)
TENON_LANE_COMPLEX1(cos)
TENON_LANE_COMPLEX1(tan)
TENON_LANE_COMPLEX1(asin)
TENON_LANE_COMPLEX1(acos)
TENON_LANE_COMPLEX1(atan)
TENON_LANE_COMPLEX1(sinh)
TENON_LANE_COMPLEX1(cosh)
TENON_LANE_COMPLEX1(tanh)
TENON_LANE_COMPLEX1(asinh)
TENON_LANE_COMPLEX1(acosh)
TENON_LANE_COMPLEX1(atanh)
#undef TENON_LANE_COMPLEX1

template <class R>
TENON_LANE Lane<R> real(Lane<std::complex<R>> a) {
  return Lane<R>(a.value.real());
}
template <class R>
TENON_LANE Lane<R> abs(Lane<std::complex<R>> a) {
  return Lane<R>(std::hypot(a.value.real(), a.value.imag()));
}
template <class R>
TENON_LANE Lane<std::complex<R>> sgn(Lane<std::complex<R>> a) {
  R length = abs(a).value;
  return length == 0 ? zeros_like(a) : Lane<std::complex<R>>({a.value.real() / length, a.value.imag() / length});
}
template <class R>
TENON_LANE Lane<bool> isnan(Lane<std::complex<R>> a) {
  return Lane<bool>(a.value.real() != a.value.real() || a.value.imag() != a.value.imag());
}
template <class R>
TENON_LANE Lane<bool> isinf(Lane<std::complex<R>> a) {
  return Lane<bool>(std::isinf(a.value.real()) || std::isinf(a.value.imag()));
}
template <class R>
TENON_LANE Lane<bool> isfinite(Lane<std::complex<R>> a) {
  return Lane<bool>(std::isfinite(a.value.real()) && std::isfinite(a.value.imag()));
}
template <class R>
TENON_LANE Lane<std::complex<R>> exp2(Lane<std::complex<R>> a) {
  return exp(a * 0.6931471805599453);
}
template <class R>
TENON_LANE Lane<std::complex<R>> log2(Lane<std::complex<R>> a) {
  return log(a) * 1.4426950408889634;
}
template <class R>
TENON_LANE Lane<std::complex<R>> log10(Lane<std::complex<R>> a) {
  return log(a) * 0.4342944819032518;
}
// e^x cos(y) - 1 without the cancellation near zero.
template <class R>
TENON_LANE Lane<std::complex<R>> expm1(Lane<std::complex<R>> a) {
  R x = a.value.real(), y = a.value.imag();
  R half_sine = std::sin(y / 2), growth = std::exp(x);
  return Lane<std::complex<R>>({std::expm1(x) * std::cos(y) - 2 * half_sine * half_sine, growth * std::sin(y)});
}
// |1 + z|^2 - 1 = x (2 + x) + y^2, accurate near zero.
template <class R>
TENON_LANE Lane<std::complex<R>> log1p(Lane<std::complex<R>> a) {
  R x = a.value.real(), y = a.value.imag();
  R angle = std::atan2(y, x + 1);
  if (std::hypot(x, y) < R(0.5)) return Lane<std::complex<R>>({R(0.5) * std::log1p(x * (2 + x) + y * y), angle});
  return Lane<std::complex<R>>({std::log(std::hypot(x + 1, y)), angle});
}
template <class R>
TENON_LANE Lane<std::complex<R>> sigmoid(Lane<std::complex<R>> a) {
  return 1 / (1 + exp(-a));
}
template <class R>
TENON_LANE Lane<std::complex<R>> pow(Lane<std::complex<R>> a, Lane<std::complex<R>> b) {
  return Lane<std::complex<R>>(std::pow(a.value, b.value));
}
template <class R>
TENON_LANE Lane<std::complex<R>> lerp(Lane<std::complex<R>> a, Lane<std::complex<R>> b, Lane<std::complex<R>> c) {
  return abs(c).value < R(0.5) ? a + c * (b - a) : b - (b - a) * (1 - c);
}

}  // namespace tenon::expr
