// Eigenvalues of tridiagonal matrices: implicit QR of what is small or needs no vectors, and else divide and conquer
// after J. Cuppen (1981), M. Gu and S. Eisenstat (1995): a matrix is two halves and a change of rank one.
#include "backend/cpu/linalg_tridiagonal.h"

#include <cmath>

#include "backend/cpu/linalg_conquer.h"

namespace tenon::cpu {
namespace {

class QrIteration {
 public:
  QrIteration(int64_t n, double* d, double* e, Block<double>& q) : n_(n), d_(d), e_(e), q_(q) {}

  bool run() {
    int64_t sweeps = kMaxSweeps * n_;
    for (int64_t last = n_ - 1; last > 0;) {
      int64_t first = last;
      while (first > 0 && !negligible(first - 1)) --first;
      if (first > 0) e_[first - 1] = 0;
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

 private:
  bool negligible(int64_t i) const {
    return std::abs(e_[i]) <= kEps * (std::abs(d_[i]) + std::abs(d_[i + 1])) || std::abs(e_[i]) < kTiny;
  }

  // The eigenvalue of the last two rows and columns that is nearer to the last element.
  double shift(int64_t last) const {
    const double half = 0.5 * (d_[last - 1] - d_[last]), e = e_[last - 1];
    const double length = length_of(half, e);
    return d_[last] - e * (e / (half + std::copysign(length, half)));
  }

  void sweep(int64_t first, int64_t last) {
    double x = d_[first] - shift(last), y = e_[first];
    for (int64_t k = first; k < last; ++k) {
      const Rotation turn(x, y);
      const double c = turn.cosine, s = turn.sine;
      if (k > first) e_[k - 1] = turn.length;
      const double lean = (d_[k + 1] - d_[k]) * s + 2 * c * e_[k];
      d_[k] += s * lean;
      d_[k + 1] -= s * lean;
      e_[k] = c * lean - e_[k];
      if (k + 1 < last) {
        x = e_[k];
        y = s * e_[k + 1];
        e_[k + 1] *= c;
      }
      rotate_columns(q_, k, k + 1, turn);
    }
  }

  int64_t n_;
  double *d_, *e_;
  Block<double>& q_;
};

bool iterate(int64_t n, double* d, double* e, Block<double> q) {
  const bool vectors = q.cols() > 0;
  if (vectors) q.setIdentity();
  if (!QrIteration(n, d, e, q).run()) return false;
  if (!vectors) {
    std::sort(d, d + n);
    return true;
  }
  const std::vector<int64_t> order = rising(d, n);
  reorder(order, d);
  reorder_columns(order, q);
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
  if (n <= kUndivided) return iterate(n, d, e, q);
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
  const int exponent = exponent_of(d, n, e, n - 1);
  scale_by(-exponent, d, n);
  scale_by(-exponent, e, n - 1);
  const bool ended = q.cols() > 0 ? divide(n, d, e, q) : iterate(n, d, e, q);
  scale_by(exponent, d, n);
  return ended;
}

}  // namespace tenon::cpu
