// The special functions as calls of their own, compiled for the baseline, and the inverse error function by
// Newton steps.
#include "backend/cpu/special_math.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "backend/expr/bessel.h"
#include "backend/expr/gamma.h"
#include "backend/expr/orthogonal.h"
#include "backend/expr/special.h"

namespace tenon::cpu {

double digamma(double x) { return expr::special::digamma(x); }
double trigamma(double x) { return expr::special::trigamma(x); }
double polygamma(double n, double x) { return expr::special::polygamma(n, x); }

double erfinv(double x) {
  if (!(std::abs(x) <= 1)) return std::numeric_limits<double>::quiet_NaN();
  if (std::abs(x) == 1) return std::copysign(std::numeric_limits<double>::infinity(), x);
  if (std::abs(x) < 1e-8) return x * 0.886226925452758;
  // A rough start (Winitzki), then Halley's steps on erf, or on erfc in the tail where erf has no digits left.
  constexpr double kShape = 0.147;
  double tail = 1 - std::abs(x);
  double log_term = std::log(tail * (1 + std::abs(x)));
  double half = 2 / (std::numbers::pi * kShape) + log_term / 2;
  double y = std::sqrt(std::sqrt(half * half - log_term / kShape) - half);
  for (int step = 0; step < 3; ++step) {
    double error = std::abs(x) > 0.5 ? tail - std::erfc(y) : std::erf(y) - std::abs(x);
    double newton = error / (1.1283791670955126 * std::exp(-y * y));
    y -= newton / (1 + y * newton);
  }
  return std::copysign(y, x);
}

double log_gamma(double x) {
  int sign;
  return ::lgamma_r(x, &sign);
}

double floor_divide(double a, double b) { return expr::special::floor_divide(a, b); }
double python_remainder(double a, double b) { return expr::special::python_remainder(a, b); }

#define TENON_WORD1(name) \
  double name(double x) { return expr::special::name(x); }
#define TENON_WORD2(name) \
  double name(double a, double b) { return expr::special::name(a, b); }
#include "backend/expr/special_words.inc"

}  // namespace tenon::cpu
