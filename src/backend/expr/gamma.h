// The incomplete gamma functions and zeta in double precision, for host and device; depends on base alone.
#pragma once

#include <cmath>

#include "backend/expr/special.h"

namespace tenon::expr::special {

// --- the incomplete gamma functions

// log(1 + m) - m without the cancellation near zero.
TENON_HOST_DEVICE inline double log1p_minus(double m) {
  if (std::fabs(m) > 0.5) return std::log1p(m) - m;
  const double r = m / (2 + m), square = r * r;
  double sum = 0, power = 2 * r * square;
  for (int n = 3; n < 40 && std::fabs(power) > 1e-18 * std::fabs(r * m); n += 2) {
    sum += power / n;
    power *= square;
  }
  return sum - r * m;
}

// 1 / gamma(1 + a) - 1 for 0 <= a <= 1, to the last digits near zero and one: a (1 - a) and a series around one half.
TENON_HOST_DEVICE inline double reciprocal_gamma_less_one(double a) {
  constexpr double kSeries[] = {
    0.5135166683820503, -0.1646981057811324, -0.05255106857397921, 0.04161568105120781, -0.006336833304923945,
    -0.002157953269256042, 0.0011042580831490264, -0.00014888730818281266, -2.5888626720981146e-05,
    1.3881269488711045e-05, -2.1341211386039314e-06, -6.228457951427085e-08, 9.012773307290788e-08,
    -1.679592941401053e-08};
  return a * (1 - a) * series::power_series(kSeries, a - 0.5);
}

// 1 / gamma(1 + a) for 0 <= a < 10.
TENON_HOST_DEVICE inline double reciprocal_gamma_of_one_plus(double a) {
  double product = 1;
  for (; a > 1; a -= 1) product *= a;
  return (1 + reciprocal_gamma_less_one(a)) / product;
}

// x^a e^-x / gamma(a + 1).
TENON_HOST_DEVICE inline double gamma_density(double a, double x) {
  if (a < 10) return std::pow(x, a) * std::exp(-x) * reciprocal_gamma_of_one_plus(a);
  // By Stirling's series.
  const double z = 1 / (a * a);
  const double series = (1.0 / 12 - z * (1.0 / 360 - z * (1.0 / 1260 - z * (1.0 / 1680 - z / 1188)))) / a;
  return std::exp(a * log1p_minus((x - a) / a) - series) / std::sqrt(2 * kPi * a);
}

// More terms than any series or fraction below needs.
inline constexpr int kMostTerms = 2000;

// The lower function P(a, x) by its power series, for x up to about a, or small.
TENON_HOST_DEVICE inline double gamma_series(double a, double x) {
  double sum = 1, term = 1;
  for (int n = 1; n < kMostTerms && term > 1e-17 * sum; ++n) {
    term *= x / (a + n);
    sum += term;
  }
  return gamma_density(a, x) * sum;
}

// The upper function Q(a, x) by its continued fraction, for x > a and x > 1. Its numerators and denominators follow one
// recurrence, which needs no division.
TENON_HOST_DEVICE inline double gamma_fraction(double a, double x) {
  constexpr double kLarge = 0x1p400, kSmall = 0x1p-400;
  const double density = gamma_density(a, x);
  // Here x may be too large for the recurrence.
  if (density == 0) return 0;
  double b = x + 1 - a, above = 1, below = b, above_before = 0, below_before = 1;
  for (int n = 1; n < kMostTerms; ++n) {
    const double numerator = n * (a - n);
    b += 2;
    const double next_above = b * above + numerator * above_before;
    const double next_below = b * below + numerator * below_before;
    above_before = above;
    below_before = below;
    above = next_above;
    below = next_below;
    if (std::fabs(above * below_before - above_before * below) <= 1e-16 * std::fabs(above * below_before)) break;
    if (below > kLarge) {
      above *= kSmall;
      below *= kSmall;
      above_before *= kSmall;
      below_before *= kSmall;
    }
  }
  return a * density * (above / below);
}

// Q(a, x) for 0 < a < 1 and small x, where 1 - P would cancel.
TENON_HOST_DEVICE inline double upper_gamma_series(double a, double x) {
  double sum = 0, term = 1;
  for (int n = 1; n < kMostTerms; ++n) {
    term *= -x / n;
    sum += term / (a + n);
    if (std::fabs(term) <= 1e-17 * std::fabs(sum)) break;
  }
  const double less_one = reciprocal_gamma_less_one(a);
  return -std::expm1(a * std::log(x) + std::log1p(less_one)) - std::pow(x, a) * (a * (1 + less_one)) * sum;
}

// P or Q for large a and x near it, by Temme's uniform expansion: half an error function and a correction in powers of
// 1 / a, whose coefficients are power series in eta with eta^2 / 2 = m - log(1 + m) and m = (x - a) / a.
TENON_HOST_DEVICE inline double gamma_uniform(double a, double x, bool upper) {
  // By powers of eta, the coefficients of a^0, a^-1, ...
  constexpr double kC0[] = {
    -0.33333333333333331, 0.083333333333333329, -0.014814814814814815, 0.0011574074074074073,
    0.00035273368606701942, -0.0001787551440329218, 3.9192631785224377e-05, -2.185448510679992e-06,
    -1.85406221071516e-06, 8.2967113409530865e-07, -1.7665952736826078e-07, 6.7078535434014984e-09,
    1.0261809784240309e-08, -4.3820360184533529e-09, 9.1476995822367902e-10, -2.5514193994946248e-11,
    -5.8307721325504256e-11, 2.4361948020667415e-11, -5.0276692801141755e-12};
  constexpr double kC1[] = {
    -0.0018518518518518519, -0.003472222222222222, 0.0026455026455026454, -0.00099022633744855963,
    0.00020576131687242798, -4.018775720164609e-07, -1.8098550334489977e-05, 7.6491609160811098e-06,
    -1.6120900894563446e-06, 4.647127802807434e-09, 1.3786334469157209e-07, -5.7525456035177047e-08,
    1.1951628599778148e-08, -1.7543241719747647e-11, -1.0091543710600413e-09, 4.1627929918425828e-10,
    -8.5639070264929801e-11};
  constexpr double kC2[] = {
    0.0041335978835978834, -0.0026813271604938273, 0.0007716049382716049, 2.0093878600823047e-06,
    -0.0001073665322636516, 5.2923448829120125e-05, -1.2760635188618728e-05, 3.4235787340961378e-08,
    1.3721957309062934e-06, -6.2989921383800548e-07, 1.4280614206064242e-07, -2.0477098421990866e-10,
    -1.409252991086752e-08, 6.2289740849220218e-09};
  constexpr double kC3[] = {
    0.00064943415637860077, 0.00022947209362139917, -0.0004691894943952557, 0.00026772063206283885,
    -7.5618016718839766e-05, -2.3965051138672968e-07, 1.1082654115347302e-05, -5.6749528269915965e-06,
    1.4230900732435883e-06, -2.7861080291528143e-11, -1.6958404091930278e-07, 8.0994649053880827e-08};
  constexpr double kC4[] = {
    -0.00086188829091671173, 0.00078403922172006662, -0.00029907248030319018, -1.4638452578843418e-06,
    6.6414982154651219e-05, -3.9683650471794347e-05, 1.1375726970678419e-05};
  constexpr double kC5[] = {
    -0.00033679855336635813, -6.9728137583658571e-05, 0.00027727532449593918, -0.00019932570516188847,
    6.797780477937208e-05};
  constexpr double kC6[] = {
    0.00053130793646399225, -0.00059216643735369393};
  constexpr double kC7[] = {
    0.00034436760689237765};
  const double m = (x - a) / a, half_square = -log1p_minus(m);
  const double eta = std::copysign(std::sqrt(2 * half_square), m), z = 1 / a;
  double sum = kC7[0];
  sum = sum * z + series::power_series(kC6, eta);
  sum = sum * z + series::power_series(kC5, eta);
  sum = sum * z + series::power_series(kC4, eta);
  sum = sum * z + series::power_series(kC3, eta);
  sum = sum * z + series::power_series(kC2, eta);
  sum = sum * z + series::power_series(kC1, eta);
  sum = sum * z + series::power_series(kC0, eta);
  const double sign = upper ? 1 : -1;
  const double correction = std::exp(-a * half_square) * sum / std::sqrt(2 * kPi * a);
  return 0.5 * std::erfc(sign * eta * std::sqrt(a / 2)) + sign * correction;
}

// P(a, x), or Q(a, x) = 1 - P(a, x) if `upper`.
TENON_HOST_DEVICE inline double incomplete_gamma(double a, double x, bool upper) {
  if (!(a >= 0 && x >= 0)) return kNan;
  if (a == 0) return x > 0 ? (upper ? 0 : 1) : kNan;
  if (x == 0) return upper ? 1 : 0;
  if (std::isinf(a)) return std::isinf(x) ? kNan : upper ? 1 : 0;
  if (std::isinf(x)) return upper ? 0 : 1;
  if (a > 200 && std::fabs(x - a) < 0.4 * a) return gamma_uniform(a, x, upper);
  if (upper && x <= 1.5 && a < 1) return upper_gamma_series(a, x);
  // For small x the fraction takes many terms, each with its rounding, unless a is whole; 1 - P is better if not small.
  const bool fraction_is_best = x > a && (x > 3 || (upper && (2 * a <= x || a == std::floor(a))));
  if (!fraction_is_best) return upper ? 1 - gamma_series(a, x) : gamma_series(a, x);
  return upper ? gamma_fraction(a, x) : 1 - gamma_fraction(a, x);
}

TENON_HOST_DEVICE inline double igamma(double a, double x) { return incomplete_gamma(a, x, false); }
TENON_HOST_DEVICE inline double igammac(double a, double x) { return incomplete_gamma(a, x, true); }

// --- the Riemann and Hurwitz zeta function

// The sum over k >= 0 of (q + k)^-s; real for q <= 0 only where s is whole.
TENON_HOST_DEVICE inline double zeta(double s, double q) {
  if (s == 1) return kInf;
  if (!(s > 1) || std::isnan(q)) return kNan;
  if (q <= 0) {
    if (q == std::floor(q)) return kInf;
    if (s != std::floor(s)) return kNan;
  }
  return hurwitz_zeta(s, q);
}

// --- the parts of a number

// x = mantissa * 2^exponent with 0.5 <= |mantissa| < 1.
TENON_HOST_DEVICE inline double frexp_mantissa(double x) {
  int exponent;
  return std::frexp(x, &exponent);
}
TENON_HOST_DEVICE inline double frexp_exponent(double x) {
  int exponent = 0;
  if (std::isfinite(x)) std::frexp(x, &exponent);
  return exponent;
}

}  // namespace tenon::expr::special
