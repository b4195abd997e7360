// Singular values of bidiagonal matrices: implicit QR after J. Demmel and W. Kahan (1990) of what is small or needs no
// vectors, and else divide and conquer after M. Gu and S. Eisenstat (1995): without one row a matrix is two halves.
#include <cmath>

#include "backend/cpu/linalg_conquer.h"
#include "backend/cpu/linalg_tridiagonal.h"

namespace tenon::cpu {
namespace {

// A sweep's shift: the smaller singular value of the last two rows and columns; or 0 where that is as good, or there is
// a zero on the diagonal, which a sweep without shift moves out.
double shift_of(int64_t first, int64_t last, const double* d, const double* e) {
  for (int64_t i = first; i <= last; ++i) {
    if (std::abs(d[i]) < kTiny) return 0;
  }
  const double x = std::abs(d[last - 1]), y = std::abs(d[last]), beside = e[last - 1];
  const double larger = 0.5 * (length_of(x + y, beside) + length_of(x - y, beside));
  const double smaller = x * (y / larger), ratio = smaller / d[first];
  return ratio * ratio < kEps ? 0 : smaller;
}

void sweep_shifted(int64_t first, int64_t last, double shift, double* d, double* e, Block<double>& u,
                   Block<double>& v) {
  double x = (std::abs(d[first]) - shift) * (std::abs(d[first]) + shift), y = d[first] * e[first];
  for (int64_t k = first; k < last; ++k) {
    const Rotation right(x, y);
    if (k > first) e[k - 1] = right.length;
    x = right.cosine * d[k] + right.sine * e[k];
    e[k] = right.cosine * e[k] - right.sine * d[k];
    y = right.sine * d[k + 1];
    d[k + 1] *= right.cosine;
    rotate_columns(v, k, k + 1, right);
    const Rotation left(x, y);
    d[k] = left.length;
    x = left.cosine * e[k] + left.sine * d[k + 1];
    d[k + 1] = left.cosine * d[k + 1] - left.sine * e[k];
    if (k + 1 < last) {
      y = left.sine * e[k + 1];
      e[k + 1] *= left.cosine;
    }
    rotate_columns(u, k, k + 1, left);
  }
  e[last - 1] = x;
}

// Without differences, so that small values keep their digits.
void sweep_unshifted(int64_t first, int64_t last, double* d, double* e, Block<double>& u, Block<double>& v) {
  Rotation left, right;
  for (int64_t k = first; k < last; ++k) {
    right = Rotation(right.cosine * d[k], e[k]);
    if (k > first) e[k - 1] = left.sine * right.length;
    left = Rotation(left.cosine * right.length, right.sine * d[k + 1]);
    d[k] = left.length;
    rotate_columns(v, k, k + 1, right);
    rotate_columns(u, k, k + 1, left);
  }
  const double rest = right.cosine * d[last];
  e[last - 1] = left.sine * rest;
  d[last] = left.cosine * rest;
}

// To a matrix as wide as it is high, from the one with e[n - 1] beside its last row.
void remove_column(int64_t n, double* d, double* e, Block<double>& v) {
  double fill = e[n - 1];
  for (int64_t k = n - 1; k >= 0; --k) {
    const Rotation turn(d[k], fill);
    d[k] = turn.length;
    rotate_columns(v, k, n, turn);
    if (k == 0) break;
    fill = -turn.sine * e[k - 1];
    e[k - 1] *= turn.cosine;
  }
}

// The matrix has n rows and, if it is `wide`, one more column, with e[n - 1] beside the last of d.
bool qr_iteration(int64_t n, bool wide, double* d, double* e, Block<double> u, Block<double> v) {
  const bool vectors = u.cols() > 0;
  if (vectors) {
    u.setIdentity();
    v.setIdentity();
  }
  if (wide) remove_column(n, d, e, v);
  auto negligible = [&](int64_t i) {
    return std::abs(e[i]) <= kEps * (std::abs(d[i]) + std::abs(d[i + 1])) || std::abs(e[i]) < kTiny;
  };
  auto sweep = [&](int64_t first, int64_t last) {
    const double shift = shift_of(first, last, d, e);
    if (shift > 0) return sweep_shifted(first, last, shift, d, e, u, v);
    sweep_unshifted(first, last, d, e, u, v);
  };
  if (!iterate(n, e, negligible, sweep)) return false;
  for (int64_t j = 0; j < n; ++j) {
    if (!std::signbit(d[j])) continue;
    d[j] = -d[j];
    if (vectors) v.col(j) = -v.col(j);
  }
  const std::vector<int64_t> order = rising(d, n);
  reorder(order, d);
  if (!vectors) return true;
  reorder_columns(order, u);
  reorder_columns(order, v);
  return true;
}

// The SVD of the matrix with d on the diagonal, but z for its row `middle`, given its vectors u and v of the halves.
void conquer(int64_t n, int64_t middle, double tolerance, double* d, double* z, Block<double> u, Block<double> v) {
  for (int64_t i = 0; i < n; ++i) {
    if (i == middle || d[i] > tolerance) continue;
    // As good as zero, as d of the middle is: a rotation of the columns makes z zero.
    const Rotation turn(z[middle], z[i]);
    z[middle] = turn.length;
    z[i] = 0;
    rotate_columns(v, middle, i, turn);
  }
  std::vector<Part> parts(n, Part::Top);
  std::fill(parts.begin() + middle + 1, parts.end(), Part::Bottom);
  Poles poles = deflate(rising(d, n, middle), d, z, std::move(parts), 1, tolerance,
                        [&](int64_t i, int64_t j, const Rotation& turn) {
                          rotate_columns(u, i, j, turn);
                          rotate_columns(v, i, j, turn);
                        });
  if (std::abs(z[middle]) > tolerance) {
    poles.live.insert(poles.live.begin(), middle);
  } else if (poles.live.empty()) {
    poles.dead.push_back(middle);
  } else {
    z[middle] = tolerance;
    poles.live.insert(poles.live.begin(), middle);
  }
  const Secular equation = secular_of(poles, d, z, 1, /*squares=*/true);
  SecularRoots roots = solve_secular(equation);
  Matrix<double>& right = roots.differences;
  Matrix<double> left(right.rows(), right.cols());
  for (int64_t j = 0; j < right.cols(); ++j) {
    for (int64_t i = 0; i < right.rows(); ++i) {
      right(i, j) = roots.z[i] / right(i, j);
      left(i, j) = equation.d[i] * right(i, j);
    }
    left(0, j) = -1;  // of the middle column
    left.col(j) /= left.col(j).norm();
    right.col(j) /= right.col(j).norm();
  }
  const std::vector<int64_t> order = gather(poles, roots, d);
  update_basis(u, middle + 1, poles, left, order);
  poles.parts[middle] = Part::Both;
  update_basis(v, middle + 1, poles, right, order);
}

bool divide(int64_t n, bool wide, double* d, double* e, Block<double> u, Block<double> v) {
  if (n <= kUndivided) return qr_iteration(n, wide, d, e, u, v);
  const int64_t middle = n / 2, split = middle + 1, rest = n - split;
  const double before = d[middle], beside = e[middle];
  if (!divide(middle, true, d, e, u.topLeftCorner(middle, middle), v.topLeftCorner(split, split))) return false;
  if (!divide(rest, wide, d + split, e + split, u.block(split, split, rest, rest),
              v.block(split, split, rest + wide, rest + wide))) {
    return false;
  }
  u(middle, middle) = 1;
  d[middle] = 0;
  std::vector<double> z(n);
  for (int64_t i = 0; i < split; ++i) z[i] = before * v(middle, i);
  for (int64_t i = split; i < n; ++i) z[i] = beside * v(split, i);
  if (wide) {
    // Each half leaves a column that its rows do not touch: one of them becomes all that the middle row needs.
    const Rotation turn(z[middle], beside * v(split, n));
    z[middle] = turn.length;
    rotate_columns(v, middle, n, turn);
  }
  const double largest = std::max({std::abs(before), std::abs(beside), largest_of(d, n)});
  conquer(n, middle, deflation_tolerance(largest), d, z.data(), u, v.leftCols(n));
  return true;
}

}  // namespace

bool bidiagonal_svd(int64_t n, double* d, double* e, Block<double> u, Block<double> v) {
  return solve_scaled(n, d, e,
                      [&] { return u.cols() > 0 ? divide(n, false, d, e, u, v) : qr_iteration(n, false, d, e, u, v); });
}

}  // namespace tenon::cpu
