// Matrices brought to diagonals by reflectors on both sides. A reflector needs a product of the whole rest of the
// matrix with a vector, for which it need not have been changed yet: within a panel the matrix is a - left @ right^H.
#include "backend/cpu/linalg_reduction.h"

#include <cmath>
#include <limits>

#include "backend/cpu/linalg_reflectors.h"

namespace tenon::cpu {
namespace {

template <class T>
void assign_product(Block<T> c, const ConstBlock<T>& a, Op op, const ConstBlock<T>& b) {
  c.setZero();
  if (op == Op::Adjoint) {
    add_product<T>(c, 1, a.adjoint(), b);
  } else {
    add_product<T>(c, 1, a, b);
  }
}

// The change -left @ right^H of a panel's matrix, a column of each at a time.
template <class T>
class Change {
 public:
  Change(int64_t rows, int64_t columns, int64_t count)
      : left_(Matrix<T>::Zero(rows, count)), right_(Matrix<T>::Zero(columns, count)), inner_(count, 1) {}

  // Columns `column` of the two from their elements `row` on.
  Block<T> left(int64_t column, int64_t row) { return left_.block(row, column, left_.rows() - row, 1); }
  Block<T> right(int64_t column, int64_t row) { return right_.block(row, column, right_.rows() - row, 1); }

  // What `count` columns change in the elements of column j from row i on, and in the adjoint of row i from column j
  // on.
  void change_column(int64_t i, int64_t j, int64_t count, Block<T> x) const {
    add_product<T>(x, -1, left_.block(i, 0, x.rows(), count), right_.block(j, 0, 1, count).adjoint());
  }
  void change_row(int64_t i, int64_t j, int64_t count, Block<T> x) const {
    add_product<T>(x, -1, right_.block(j, 0, x.rows(), count), left_.block(i, 0, 1, count).adjoint());
  }

  // y and x are as long as what they hold from row i and column j on: y -= left @ right^H @ x, or its adjoint.
  void change_product(int64_t i, int64_t j, int64_t count, const ConstBlock<T>& x, Op op, Block<T> y) {
    const bool adjoint = op == Op::Adjoint;
    const ConstBlock<T> left = left_.block(i, 0, left_.rows() - i, count);
    const ConstBlock<T> right = right_.block(j, 0, right_.rows() - j, count);
    Block<T> inner = inner_.topRows(count);
    assign_product<T>(inner, adjoint ? left : right, Op::Adjoint, x);
    add_product<T>(y, -1, adjoint ? right : left, inner);
  }

  // Applies it all to the lower right corner of the panel's matrix.
  void apply(Block<T> corner) const {
    add_product<T>(corner, -1, left_.bottomRows(corner.rows()), right_.bottomRows(corner.cols()).adjoint());
  }

 private:
  Matrix<T> left_, right_, inner_;
};

// The largest absolute value of a's parts, or one that is not finite.
template <class R>
R largest_part(const R* x, int64_t n, R largest) {
  for (int64_t i = 0; i < n; ++i) {
    const R size = std::abs(x[i]);
    if (!(size <= largest)) largest = size;
    if (std::isnan(size)) break;
  }
  return largest;
}

}  // namespace

template <class T>
RealOf<T> safe_scale(const ConstBlock<T>& a, bool lower) {
  using R = RealOf<T>;
  using Limits = std::numeric_limits<R>;
  constexpr int kParts = is_complex_v<T> ? 2 : 1;
  R largest = 0;
  for (int64_t j = 0; j < a.cols() && !std::isnan(largest); ++j) {
    const int64_t first = lower ? j : 0;
    const T* const column = a.data() + j * a.outerStride() + first;
    largest = largest_part(reinterpret_cast<const R*>(column), kParts * (a.rows() - first), largest);
  }
  if (!std::isfinite(largest)) return Limits::quiet_NaN();
  const int exponent = largest == 0 ? 0 : std::ilogb(largest);
  if (std::abs(exponent) < Limits::max_exponent / 4) return R{1};
  return std::ldexp(R{1}, -std::clamp(exponent, Limits::min_exponent + 1, Limits::max_exponent - 2));
}

template <class T>
void to_tridiagonal(Block<T> a, T* tau, double* diagonal, double* beside) {
  const int64_t n = a.rows();
  for (int64_t first = 0; first < n; first += kPanel) {
    const int64_t count = std::min(kPanel, n - first), next = first + count;
    Change<T> change(n - first, n - first, 2 * count);
    for (int64_t j = 0; j < count; ++j) {
      const int64_t i = first + j, below = n - i - 1;
      change.change_column(j, j, 2 * j, a.block(i, i, below + 1, 1));
      diagonal[i] = Eigen::numext::real(a(i, i));
      if (below == 0) break;
      RealOf<T> beta;
      Block<T> v = a.block(i + 1, i, below, 1);
      tau[i] = reflect<T>(v.data(), below, beta);
      beside[i] = beta;
      // H^H A H = A - v w^H - w v^H.
      Block<T> w = change.right(2 * j, j + 1);
      assign_product<T>(w, a.block(i + 1, i + 1, below, below), Op::Adjoint, v);
      change.change_product(j + 1, j + 1, 2 * j, v, Op::None, w);
      w *= tau[i];
      const RealOf<T> half = RealOf<T>(0.5) * Eigen::numext::real(Eigen::numext::conj(tau[i]) * v.col(0).dot(w.col(0)));
      w -= half * v;
      change.left(2 * j, j + 1) = v;
      change.left(2 * j + 1, j + 1) = w;
      change.right(2 * j + 1, j + 1) = v;
    }
    change.apply(a.bottomRightCorner(n - next, n - next));
  }
}

template <class T>
void to_bidiagonal(Block<T> a, T* tau, Block<T> rows, T* row_tau, double* diagonal, double* above) {
  const int64_t m = a.rows(), n = a.cols();
  for (int64_t first = 0; first < n; first += kPanel) {
    const int64_t count = std::min(kPanel, n - first), next = first + count;
    Change<T> change(m - first, n - first, 2 * count);
    for (int64_t j = 0; j < count; ++j) {
      const int64_t i = first + j, below = m - i, right = n - i - 1;
      RealOf<T> beta;
      Block<T> v = a.block(i, i, below, 1);
      change.change_column(j, j, 2 * j, v);
      tau[i] = reflect<T>(v.data(), below, beta);
      diagonal[i] = beta;
      if (right == 0) break;
      // H^H A = A - v y^H.
      Block<T> y = change.right(2 * j, j + 1);
      assign_product<T>(y, a.block(i, i + 1, below, right), Op::Adjoint, v);
      change.change_product(j, j + 1, 2 * j, v, Op::Adjoint, y);
      y *= tau[i];
      change.left(2 * j, j) = v;
      Block<T> u = rows.block(i + 1, i, right, 1);
      u = a.block(i, i + 1, 1, right).adjoint();
      change.change_row(j, j + 1, 2 * j + 1, u);
      row_tau[i] = reflect<T>(u.data(), right, beta);
      above[i] = beta;
      // A G = A - x u^H.
      Block<T> x = change.left(2 * j + 1, j + 1);
      assign_product<T>(x, a.block(i + 1, i + 1, below - 1, right), Op::None, u);
      change.change_product(j + 1, j + 1, 2 * j + 1, u, Op::None, x);
      x *= row_tau[i];
      change.right(2 * j + 1, j + 1) = u;
    }
    change.apply(a.block(next, next, m - next, n - next));
  }
}

#define TENON_REDUCTION(T)                                         \
  template RealOf<T> safe_scale<T>(const ConstBlock<T>&, bool);    \
  template void to_tridiagonal<T>(Block<T>, T*, double*, double*); \
  template void to_bidiagonal<T>(Block<T>, T*, Block<T>, T*, double*, double*);
TENON_REDUCTION(float)
TENON_REDUCTION(double)
TENON_REDUCTION(std::complex<float>)
TENON_REDUCTION(std::complex<double>)
#undef TENON_REDUCTION

}  // namespace tenon::cpu
