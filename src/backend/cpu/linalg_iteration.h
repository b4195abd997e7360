// What the implicit QR iterations of matrices of two and three diagonals share: plane rotations, and what is left to
// iterate on. Depends on linalg.h.
#pragma once

#include <cmath>
#include <limits>

#include "backend/cpu/linalg.h"

namespace tenon::cpu {

inline constexpr double kEps = std::numeric_limits<double>::epsilon();
// Elements of matrices whose largest is about 1 that are as good as zero even beside zeros.
inline constexpr double kTiny = 1e-290;

// sqrt(x^2 + y^2), by the quick way where no square vanishes; x and y are not so large that one could overflow.
inline double length_of(double x, double y) {
  const double square = x * x + y * y;
  return square > 1e-280 ? std::sqrt(square) : std::hypot(x, y);
}

// The rotation that takes (x, y) to (length, 0).
struct Rotation {
  double cosine = 1, sine = 0, length = 0;

  Rotation() = default;
  Rotation(double x, double y) : length(length_of(x, y)) {
    if (length == 0) return;
    cosine = x / length;
    sine = y / length;
  }
};

// Columns i and j of q become cosine * i + sine * j and cosine * j - sine * i. A q without columns has none to rotate.
inline void rotate_columns(Block<double>& q, int64_t i, int64_t j, const Rotation& by) {
  if (q.cols() == 0) return;
  double *const x = q.data() + i * q.outerStride(), *const y = q.data() + j * q.outerStride();
  const int64_t n = q.rows();
  const double c = by.cosine, s = by.sine;
#pragma GCC ivdep
  for (int64_t k = 0; k < n; ++k) {
    const double first = x[k], second = y[k];
    x[k] = c * first + s * second;
    y[k] = c * second - s * first;
  }
}

// Splits the matrix at numbers e beside the diagonal that are negligible, and sweeps over what is left until nothing
// is. Returns whether it came to that.
template <class Negligible, class Sweep>
bool iterate(int64_t n, double* e, const Negligible& negligible, const Sweep& sweep) {
  constexpr int64_t kSweepsPerValue = 30;
  int64_t sweeps = kSweepsPerValue * n;
  for (int64_t last = n - 1; last > 0;) {
    int64_t first = last;
    while (first > 0 && !negligible(first - 1)) --first;
    if (first > 0) e[first - 1] = 0;
    if (first == last) {
      --last;
    } else if (sweeps-- == 0) {
      return false;
    } else {
      sweep(first, last);
    }
  }
  return true;
}

// Calls solve() with d [n] and e [n - 1] scaled by a power of two to a largest element of about 1, and scales d back.
template <class Solve>
bool solve_scaled(int64_t n, double* d, double* e, const Solve& solve) {
  double largest = 0;
  for (int64_t i = 0; i < n; ++i) largest = std::max(largest, std::abs(d[i]));
  for (int64_t i = 0; i + 1 < n; ++i) largest = std::max(largest, std::abs(e[i]));
  const int exponent = largest == 0 ? 0 : std::ilogb(largest);
  for (int64_t i = 0; i < n; ++i) d[i] = std::ldexp(d[i], -exponent);
  for (int64_t i = 0; i + 1 < n; ++i) e[i] = std::ldexp(e[i], -exponent);
  const bool ended = solve();
  for (int64_t i = 0; i < n; ++i) d[i] = std::ldexp(d[i], exponent);
  return ended;
}

}  // namespace tenon::cpu
