// Eigenvalues of tridiagonal matrices: implicit QR of what is small or needs no vectors, and else divide and conquer
// after J. Cuppen (1981), M. Gu and S. Eisenstat (1995): a matrix is two halves and a change of rank one.
#include "backend/cpu/linalg_tridiagonal.h"

#include <cmath>

#include "backend/cpu/linalg_conquer.h"

namespace tenon::cpu {
namespace {

// The eigenvalue of [[x, e], [e, y]] that is nearer to y.
double nearer_eigenvalue(double x, double e, double y) {
  const double half = 0.5 * (x - y);
  return y - e * (e / (half + std::copysign(length_of(half, e), half)));
}

void sweep_with_vectors(int64_t first, int64_t last, double* d, double* e, Block<double>& q) {
  double x = d[first] - nearer_eigenvalue(d[last - 1], e[last - 1], d[last]), y = e[first];
  for (int64_t k = first; k < last; ++k) {
    const Rotation turn(x, y);
    const double c = turn.cosine, s = turn.sine;
    if (k > first) e[k - 1] = turn.length;
    const double lean = (d[k + 1] - d[k]) * s + 2 * c * e[k];
    d[k] += s * lean;
    d[k + 1] -= s * lean;
    e[k] = c * lean - e[k];
    if (k + 1 < last) {
      x = e[k];
      y = s * e[k + 1];
      e[k + 1] *= c;
    }
    rotate_columns(q, k, k + 1, turn);
  }
}

// The same without roots, on the squares of e, after Pal, Walker and Kahan (B. Parlett, "The symmetric eigenvalue
// problem", chapter 8).
void sweep_squares(int64_t first, int64_t last, double* d, double* squares) {
  const double shift = nearer_eigenvalue(d[last - 1], std::sqrt(squares[last - 1]), d[last]);
  double cosine = 1, sine = 0;  // their squares
  double gamma = d[first] - shift, p = gamma * gamma;
  for (int64_t k = first; k < last; ++k) {
    const double square = squares[k], sum = p + square, before = gamma;
    if (k > first) squares[k - 1] = sine * sum;
    const double next_p_at_zero = cosine * square, inverse = sum / p;
    cosine = p / sum;
    sine = square / sum;
    gamma = cosine * (d[k + 1] - shift) - sine * before;
    d[k] = before + (d[k + 1] - gamma);
    p = cosine > kTiny ? gamma * gamma * inverse : next_p_at_zero;
  }
  squares[last - 1] = sine * p;
  d[last] = shift + gamma;
}

bool qr_iteration(int64_t n, double* d, double* e, Block<double> q) {
  q.setIdentity();
  auto negligible = [&](int64_t i) {
    return std::abs(e[i]) <= kEps * (std::abs(d[i]) + std::abs(d[i + 1])) || std::abs(e[i]) < kTiny;
  };
  auto sweep = [&](int64_t first, int64_t last) { sweep_with_vectors(first, last, d, e, q); };
  if (!iterate(n, e, negligible, sweep)) return false;
  const std::vector<int64_t> order = rising(d, n);
  reorder(order, d);
  reorder_columns(order, q);
  return true;
}

bool values_alone(int64_t n, double* d, double* e) {
  for (int64_t i = 0; i + 1 < n; ++i) e[i] *= e[i];
  auto negligible = [&](int64_t i) {
    const double bound = kEps * (std::abs(d[i]) + std::abs(d[i + 1]));
    return e[i] <= bound * bound || e[i] < kTiny;
  };
  auto sweep = [&](int64_t first, int64_t last) { sweep_squares(first, last, d, e); };
  if (!iterate(n, e, negligible, sweep)) return false;
  std::sort(d, d + n);
  return true;
}

// The eigenvalues and eigenvectors of q diag(d) q^T + weight * z z^T, where q is the halves' eigenvectors.
void conquer(int64_t n, int64_t split, double* d, double* z, double weight, Block<double> q) {
  const double tolerance = deflation_tolerance(std::max(largest_of(d, n), weight * largest_of(z, n)));
  std::vector<Part> parts(n, Part::Top);
  std::fill(parts.begin() + split, parts.end(), Part::Bottom);
  const Poles poles = deflate(rising(d, n), d, z, std::move(parts), weight, tolerance,
                              [&](int64_t i, int64_t j, const Rotation& turn) { rotate_columns(q, i, j, turn); });
  SecularRoots roots = solve_secular(secular_of(poles, d, z, weight, /*squares=*/false));
  Matrix<double>& s = roots.differences;
  for (int64_t j = 0; j < s.cols(); ++j) {
    for (int64_t i = 0; i < s.rows(); ++i) s(i, j) = roots.z[i] / s(i, j);
    s.col(j) /= s.col(j).norm();
  }
  update_basis(q, split, poles, s, gather(poles, roots, d));
}

bool divide(int64_t n, double* d, double* e, Block<double> q) {
  if (n <= kUndivided) return qr_iteration(n, d, e, q);
  const int64_t split = n / 2, rest = n - split;
  const double beside = e[split - 1], weight = std::abs(beside), sign = beside < 0 ? -1 : 1;
  d[split - 1] -= weight;
  d[split] -= weight;
  if (!divide(split, d, e, q.topLeftCorner(split, split))) return false;
  if (!divide(rest, d + split, e + split, q.bottomRightCorner(rest, rest))) return false;
  const double scale = std::sqrt(0.5);
  std::vector<double> z(n);
  for (int64_t i = 0; i < split; ++i) z[i] = scale * q(split - 1, i);
  for (int64_t i = split; i < n; ++i) z[i] = scale * sign * q(split, i);
  conquer(n, split, d, z.data(), 2 * weight, q);
  return true;
}

}  // namespace

bool tridiagonal_eigen(int64_t n, double* d, double* e, Block<double> q) {
  return solve_scaled(n, d, e, [&] { return q.cols() > 0 ? divide(n, d, e, q) : values_alone(n, d, e); });
}

}  // namespace tenon::cpu
