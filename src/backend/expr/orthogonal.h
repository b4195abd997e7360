// Orthogonal polynomials of whole degree in double precision, for host and device; depends on base alone.
#pragma once

#include <cmath>

#include "backend/expr/special.h"

namespace tenon::expr::special {

// A degree is cut to a whole number; below zero there is no polynomial.
TENON_HOST_DEVICE inline bool has_degree(double n) { return std::trunc(n) >= 0; }
TENON_HOST_DEVICE inline double sign_of_parity(double n) { return std::fmod(std::trunc(n), 2) == 0 ? 1 : -1; }

// Of higher degrees there are no values, as their recurrences would take too long.
inline constexpr double kHighestDegree = 65536;

// The n-th of first, second, ... where each further one is step(k, current, previous) for k = 1, 2, ...
template <class Step>
TENON_HOST_DEVICE inline double recurrence(double n, double first, double second, Step step) {
  if (n < 1) return first;
  double previous = first, current = second;
  for (double k = 1; k < n && std::isfinite(current); ++k) {
    if (k == kHighestDegree) return kNan;
    const double next = step(k, current, previous);
    previous = current;
    current = next;
  }
  return current;
}

// The four kinds of Chebyshev polynomials begin with 1 and `second`, and then double; in between -1 and 1 those of a
// high degree are quotients of sines and cosines.
TENON_HOST_DEVICE inline double chebyshev_recurrence(double x, double n, double second) {
  return recurrence(n, 1, second, [x](double, double current, double previous) { return 2 * x * current - previous; });
}
inline constexpr double kHighDegree = 8;

TENON_HOST_DEVICE inline double chebyshev_polynomial_t(double x, double n) {
  n = std::trunc(n);
  if (!has_degree(n)) return 0;
  if (std::fabs(x) == 1) return x > 0 ? 1 : sign_of_parity(n);
  if (n > kHighDegree && std::fabs(x) < 1) return std::cos(n * std::acos(x));
  return chebyshev_recurrence(x, n, x);
}

TENON_HOST_DEVICE inline double chebyshev_polynomial_u(double x, double n) {
  n = std::trunc(n);
  if (!has_degree(n)) return 0;
  if (std::fabs(x) == 1) return (n + 1) * (x > 0 ? 1 : sign_of_parity(n));
  if (n > kHighDegree && std::fabs(x) < 1) {
    const double angle = std::acos(x);
    return std::sin((n + 1) * angle) / std::sin(angle);
  }
  return chebyshev_recurrence(x, n, 2 * x);
}

TENON_HOST_DEVICE inline double chebyshev_polynomial_v(double x, double n) {
  n = std::trunc(n);
  if (!has_degree(n)) return 0;
  if (std::fabs(x) == 1) return x > 0 ? 1 : (2 * n + 1) * sign_of_parity(n);
  if (n > kHighDegree && std::fabs(x) < 1) {
    const double angle = std::acos(x);
    return std::cos((n + 0.5) * angle) / std::cos(angle / 2);
  }
  return chebyshev_recurrence(x, n, 2 * x - 1);
}

TENON_HOST_DEVICE inline double chebyshev_polynomial_w(double x, double n) {
  n = std::trunc(n);
  if (!has_degree(n)) return 0;
  if (std::fabs(x) == 1) return x > 0 ? 2 * n + 1 : sign_of_parity(n);
  if (n > kHighDegree && std::fabs(x) < 1) {
    const double angle = std::acos(x);
    return std::sin((n + 0.5) * angle) / std::sin(angle / 2);
  }
  return chebyshev_recurrence(x, n, 2 * x + 1);
}

TENON_HOST_DEVICE inline double shifted_chebyshev_polynomial_t(double x, double n) {
  return chebyshev_polynomial_t(2 * x - 1, n);
}
TENON_HOST_DEVICE inline double shifted_chebyshev_polynomial_u(double x, double n) {
  return chebyshev_polynomial_u(2 * x - 1, n);
}
TENON_HOST_DEVICE inline double shifted_chebyshev_polynomial_v(double x, double n) {
  return chebyshev_polynomial_v(2 * x - 1, n);
}
TENON_HOST_DEVICE inline double shifted_chebyshev_polynomial_w(double x, double n) {
  return chebyshev_polynomial_w(2 * x - 1, n);
}

// Of higher degrees PyTorch gives no values, as most overflow.
inline constexpr double kHighestHermite = 512;

TENON_HOST_DEVICE inline double hermite_polynomial_h(double x, double n) {
  n = std::trunc(n);
  if (!has_degree(n)) return 0;
  if (n > kHighestHermite) return kNan;
  return recurrence(n, 1, 2 * x, [x](double k, double current, double previous) {
    return 2 * (x * current - k * previous);
  });
}

TENON_HOST_DEVICE inline double hermite_polynomial_he(double x, double n) {
  n = std::trunc(n);
  if (!has_degree(n)) return 0;
  if (n > kHighestHermite) return kNan;
  return recurrence(n, 1, x, [x](double k, double current, double previous) { return x * current - k * previous; });
}

TENON_HOST_DEVICE inline double laguerre_polynomial_l(double x, double n) {
  n = std::trunc(n);
  if (!has_degree(n)) return 0;
  if (x == 0) return 1;
  return recurrence(n, 1, 1 - x, [x](double k, double current, double previous) {
    return ((2 * k + 1 - x) * current - k * previous) / (k + 1);
  });
}

TENON_HOST_DEVICE inline double legendre_polynomial_p(double x, double n) {
  n = std::trunc(n);
  if (!has_degree(n)) return 0;
  if (std::fabs(x) == 1) return x > 0 ? 1 : sign_of_parity(n);
  return recurrence(n, 1, x, [x](double k, double current, double previous) {
    return ((2 * k + 1) * x * current - k * previous) / (k + 1);
  });
}

}  // namespace tenon::expr::special
