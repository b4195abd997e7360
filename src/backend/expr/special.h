// Scalar functions that the C++ library lacks, in double precision: the polygamma functions and exact division. Host
// and device; depends on base alone.
#pragma once

#include <cmath>

#include "backend/expr/series.h"

namespace tenon::expr::special {

// The sum over k >= 0 of (q + k)^-s for s > 1, which are whole where q < 0, by Euler and Maclaurin.
TENON_HOST_DEVICE inline double hurwitz_zeta(double s, double q) {
  if (q < -kAsymptotic) {
    // The terms below zero are those of two sums that start above it, so that no loop runs from q up to it.
    const double part = q - std::floor(q);
    if (part == 0) return kInf;
    const double sign = std::fmod(s, 2) == 0 ? 1 : -1;
    return hurwitz_zeta(s, part) + sign * (hurwitz_zeta(s, 1 - part) - hurwitz_zeta(s, 1 - q));
  }
  double sum = 0;
  // As many terms again let the series below begin where it is small for large s too.
  for (int k = 0; q < kAsymptotic || k < 9; ++k, q += 1) {
    if (q == 0) return kInf;
    const double term = std::pow(q, -s);
    sum += term;
    if (q > 0 && term < 1e-17 * std::fabs(sum)) return sum;
  }
  sum += std::pow(q, 1 - s) / (s - 1) + 0.5 * std::pow(q, -s);
  // B_2k / (2k)!
  constexpr double kTerms[] = {1.0 / 12,       -1.0 / 720,
                               1.0 / 30240,    -1.0 / 1209600,
                               1.0 / 47900160, -691.0 / 1307674368000,
                               1.0 / 74724249600, -3617.0 / 10670622842880000};
  double factor = s * std::pow(q, -s - 1);
  double next = s;
  for (double term : kTerms) {
    sum += term * factor;
    factor *= (next + 1) * (next + 2) / (q * q);
    next += 2;
  }
  return sum;
}

// The n-th derivative of digamma, for whole n >= 0.
TENON_HOST_DEVICE inline double polygamma(double n, double x) {
  if (n == 0) return digamma(x);
  if (n == 1) return trigamma(x);
  if (std::isnan(x) || x == -kInf) return kNan;
  const double sign = std::fmod(n, 2) == 1 ? 1 : -1;
  return sign * std::tgamma(n + 1) * (x == kInf ? 0 : hurwitz_zeta(n + 1, x));
}

// Floor division and remainder with the sign of the divisor, as Python has them.
TENON_HOST_DEVICE inline double floor_divide(double a, double b) {
  if (b == 0) return a / b;
  double rest = std::fmod(a, b);
  double quotient = (a - rest) / b;
  if (rest != 0 && (b < 0) != (rest < 0)) quotient -= 1;
  if (quotient == 0) return std::copysign(0.0, a / b);
  double floored = std::floor(quotient);
  return quotient - floored > 0.5 ? floored + 1 : floored;
}

TENON_HOST_DEVICE inline double python_remainder(double a, double b) {
  double rest = std::fmod(a, b);
  return rest != 0 && (b < 0) != (rest < 0) ? rest + b : rest;
}

}  // namespace tenon::expr::special
