// The table of linear algebra kernels, and those of triangular, Cholesky and LU factors: recursive, so that nearly all
// work is in matrix products.
#include "backend/cpu/linalg.h"

#include <Eigen/Dense>
#include <cmath>

namespace tenon::cpu {
namespace {

void solve_triangular(const TensorView& x, const TensorView& a, bool upper, bool unit) {
  for_matrices(a, [&](int64_t i, auto tag) {
    using T = decltype(tag);
    solve_left<T>(matrix_at<T>(a, i), Op::None, upper, unit, matrix_at<T>(x, i));
  });
}

// --- Cholesky

// b = b @ l^-H for a lower triangular l.
template <class T>
void solve_right_adjoint(const ConstBlock<T>& l, Block<T> b) {
  constexpr int64_t kEigenSide = 32;
  const int64_t n = l.rows(), half = n / 2, rest = n - half;
  if (n <= kEigenSide) {
    l.adjoint().template triangularView<Eigen::Upper>().template solveInPlace<Eigen::OnTheRight>(b);
    return;
  }
  Block<T> first = b.leftCols(half), last = b.rightCols(rest);
  solve_right_adjoint<T>(l.topLeftCorner(half, half), first);
  add_product<T>(last, -1, first, l.bottomLeftCorner(rest, half).adjoint());
  solve_right_adjoint<T>(l.bottomRightCorner(rest, rest), last);
}

// The lower triangle of c -= a @ a^H; part of the upper one is overwritten.
template <class T>
void subtract_square(Block<T> c, const ConstBlock<T>& a) {
  constexpr int64_t kWholeSide = 128;
  const int64_t n = c.rows(), half = n / 2, rest = n - half;
  if (n <= kWholeSide) return add_product<T>(c, -1, a, a.adjoint());
  const ConstBlock<T> first = a.topRows(half), last = a.bottomRows(rest);
  subtract_square<T>(c.topLeftCorner(half, half), first);
  add_product<T>(c.bottomLeftCorner(rest, half), -1, last, first.adjoint());
  subtract_square<T>(c.bottomRightCorner(rest, rest), last);
}

// 0, or the order of the leading minor that is not positive.
template <class T>
int32_t cholesky_of(Block<T> a) {
  constexpr int64_t kDirectSide = 32;
  const int64_t n = a.rows(), half = n / 2, rest = n - half;
  if (n > kDirectSide) {
    if (const int32_t info = cholesky_of<T>(a.topLeftCorner(half, half))) return info;
    Block<T> below = a.bottomLeftCorner(rest, half), last = a.bottomRightCorner(rest, rest);
    solve_right_adjoint<T>(a.topLeftCorner(half, half), below);
    subtract_square<T>(last, below);
    const int32_t info = cholesky_of<T>(last);
    return info ? static_cast<int32_t>(half) + info : 0;
  }
  for (int64_t j = 0; j < n; ++j) {
    const RealOf<T> square = Eigen::numext::real(a(j, j)) - a.row(j).head(j).squaredNorm();
    if (!(square > 0)) return static_cast<int32_t>(j + 1);
    const RealOf<T> root = std::sqrt(square);
    a(j, j) = root;
    auto column = a.col(j).tail(n - j - 1);
    column.noalias() -= a.bottomLeftCorner(n - j - 1, j) * a.row(j).head(j).adjoint();
    column /= root;
  }
  return 0;
}

void cholesky(const TensorView& a, const TensorView& info) {
  for_matrices(a, [&](int64_t i, auto tag) {
    using T = decltype(tag);
    info.as<int32_t>()[i] = cholesky_of<T>(matrix_at<T>(a, i));
  });
}

// --- LU

// The pivots' row swaps, counted from 1, in order or backwards.
template <class T>
void swap_rows(Block<T> a, const int32_t* pivots, int64_t count, bool backwards = false) {
  for (int64_t column = 0; column < a.cols(); ++column) {
    T* const data = a.data() + column * a.outerStride();
    for (int64_t k = 0; k < count; ++k) {
      const int64_t row = backwards ? count - 1 - k : k;
      std::swap(data[row], data[pivots[row] - 1]);
    }
  }
}

// What LAPACK compares to find a pivot.
template <class T>
RealOf<T> magnitude(T x) {
  if constexpr (is_complex_v<T>) {
    return std::abs(x.real()) + std::abs(x.imag());
  } else {
    return std::abs(x);
  }
}

// 0, or the number of the first pivot that is zero.
template <class T>
int32_t lu_direct(Block<T> a, int32_t* pivots) {
  const int64_t m = a.rows(), n = a.cols();
  int32_t info = 0;
  for (int64_t k = 0; k < std::min(m, n); ++k) {
    int64_t largest = k;
    for (int64_t i = k + 1; i < m; ++i) {
      if (magnitude(a(i, k)) > magnitude(a(largest, k))) largest = i;
    }
    pivots[k] = static_cast<int32_t>(largest + 1);
    if (a(largest, k) == T{0}) {
      if (info == 0) info = static_cast<int32_t>(k + 1);
      continue;
    }
    if (largest != k) a.row(k).swap(a.row(largest));
    a.col(k).tail(m - k - 1) /= a(k, k);
    a.bottomRightCorner(m - k - 1, n - k - 1).noalias() -= a.col(k).tail(m - k - 1) * a.row(k).tail(n - k - 1);
  }
  return info;
}

template <class T>
int32_t lu_of(Block<T> a, int32_t* pivots) {
  constexpr int64_t kDirectSide = 8;
  const int64_t m = a.rows(), n = a.cols(), k = std::min(m, n), half = k / 2;
  if (k <= kDirectSide) return lu_direct<T>(a, pivots);
  Block<T> left = a.leftCols(half), right = a.rightCols(n - half);
  int32_t info = lu_of<T>(left, pivots);
  swap_rows<T>(right, pivots, half);
  Block<T> top = right.topRows(half), rest = right.bottomRows(m - half);
  solve_left<T>(left.topRows(half), Op::None, /*upper=*/false, /*unit=*/true, top);
  add_product<T>(rest, -1, left.bottomRows(m - half), top);
  const int32_t later = lu_of<T>(rest, pivots + half);
  swap_rows<T>(left.bottomRows(m - half), pivots + half, k - half);
  for (int64_t i = half; i < k; ++i) pivots[i] += static_cast<int32_t>(half);
  return info == 0 && later > 0 ? later + static_cast<int32_t>(half) : info;
}

void lu(const TensorView& a, const TensorView& pivots, const TensorView& info) {
  for_matrices(a, [&](int64_t i, auto tag) {
    using T = decltype(tag);
    info.as<int32_t>()[i] = lu_of<T>(matrix_at<T>(a, i), vector_at<int32_t>(pivots, i));
  });
}

void lu_solve(const TensorView& x, const TensorView& lu, const TensorView& pivots, bool adjoint) {
  for_matrices(lu, [&](int64_t i, auto tag) {
    using T = decltype(tag);
    const auto factors = matrix_at<T>(lu, i);
    auto solution = matrix_at<T>(x, i);
    const int32_t* rows = vector_at<int32_t>(pivots, i);
    if (!adjoint) swap_rows<T>(solution, rows, pivots.sizes[1]);
    solve_left<T>(factors, adjoint ? Op::Adjoint : Op::None, /*upper=*/adjoint, /*unit=*/!adjoint, solution);
    solve_left<T>(factors, adjoint ? Op::Adjoint : Op::None, /*upper=*/!adjoint, /*unit=*/adjoint, solution);
    if (adjoint) swap_rows<T>(solution, rows, pivots.sizes[1], /*backwards=*/true);
  });
}

}  // namespace

const LinalgKernels& linalg_table() {
  static constexpr LinalgKernels table = {
      qr, geqrf, apply_reflectors, solve_triangular, cholesky, lu, lu_solve, ldl, ldl_solve, eigh, eig, svd};
  return table;
}

}  // namespace tenon::cpu
