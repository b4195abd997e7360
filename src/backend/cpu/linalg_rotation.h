// Plane rotations. Depends on linalg.h.
#pragma once

#include <cmath>

#include "backend/cpu/linalg.h"

namespace tenon::cpu {

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

}  // namespace tenon::cpu
