// Singular values: of a matrix brought to a real bidiagonal one, after a QR factorisation where it has many more rows
// than columns.
#include <cmath>
#include <vector>

#include "backend/cpu/linalg_reduction.h"
#include "backend/cpu/linalg_reflectors.h"
#include "backend/cpu/linalg_tridiagonal.h"

namespace tenon::cpu {
namespace {

// The falling singular values of an a with no more columns than rows, which is overwritten, and the vectors unless they
// have no columns: u and v are square or have as many columns as a.
template <class T>
bool svd_of(Block<T> a, Block<T> u, RealOf<T>* values, Block<T> v) {
  constexpr double kTall = 1.6;  // rows per column, from where on to bring all of them to two diagonals is slower
  const int64_t m = a.rows(), n = a.cols();
  if constexpr (!std::is_same_v<T, Wide<T>>) {
    if (m <= kWidened) {
      Matrix<Wide<T>> wide = a.template cast<Wide<T>>(), wide_u(u.rows(), u.cols()), wide_v(v.rows(), v.cols());
      Vector<double> wide_values(n);
      const bool ended = svd_of<Wide<T>>(wide, wide_u, wide_values.data(), wide_v);
      Eigen::Map<Vector<RealOf<T>>>(values, n) = wide_values.template cast<RealOf<T>>();
      u = wide_u.template cast<T>();
      v = wide_v.template cast<T>();
      return ended;
    }
  }
  const bool vectors = u.cols() > 0, tall = static_cast<double>(m) > kTall * static_cast<double>(n);
  const RealOf<T> scale = safe_scale<T>(a, /*lower=*/false);
  if (std::isnan(scale)) return false;
  if (scale != 1) a *= scale;
  Vector<T> qr_tau(n), tau(n), row_tau(n);
  Matrix<T> triangle;
  if (tall) {
    factor_qr<T>(a, qr_tau.data());
    triangle = a.topRows(n).template triangularView<Eigen::Upper>();
  }
  Block<T> reduced = tall ? Block<T>(triangle) : a;
  Matrix<T> rows(n, n);
  std::vector<double> diagonal(n), above(n);
  to_bidiagonal<T>(reduced, tau.data(), rows, row_tau.data(), diagonal.data(), above.data());
  const int64_t columns = vectors ? n : 0;
  Matrix<double> left = Matrix<double>::Zero(n, columns), right = left;
  if (!bidiagonal_svd(n, diagonal.data(), above.data(), left, right)) return false;
  for (int64_t i = 0; i < n; ++i) values[i] = static_cast<RealOf<T>>(diagonal[n - 1 - i] / scale);
  if (!vectors) return true;
  u.setIdentity();
  u.topLeftCorner(n, n) = left.rowwise().reverse().template cast<T>();
  v = right.rowwise().reverse().template cast<T>();
  apply_reflectors<T>(reduced, tau.data(), n, u.topRows(reduced.rows()), Op::None, Shape::Any);
  apply_reflectors<T>(rows.bottomLeftCorner(n - 1, n - 1), row_tau.data(), n - 1, v.bottomRows(n - 1), Op::None,
                      Shape::Any);
  if (tall) apply_reflectors<T>(a, qr_tau.data(), n, u, Op::None, Shape::Any);
  return true;
}

template <class T>
Block<T> vectors_at(const TensorView& vectors, int64_t i) {
  if (!vectors.data) return Eigen::Map<Matrix<T>>(nullptr, 0, 0);
  return matrix_at<T>(vectors, i);
}

}  // namespace

void svd(const TensorView& u, const TensorView& s, const TensorView& v, const TensorView& a, const TensorView& info) {
  for_matrices(a, [&](int64_t i, auto tag) {
    using T = decltype(tag);
    auto matrix = matrix_at<T>(a, i);
    auto* const values = vector_at<RealOf<T>>(s, i);
    bool ended;
    if (matrix.rows() >= matrix.cols()) {
      ended = svd_of<T>(matrix, vectors_at<T>(u, i), values, vectors_at<T>(v, i));
    } else {
      Matrix<T> adjoint = matrix.adjoint();
      ended = svd_of<T>(adjoint, vectors_at<T>(v, i), values, vectors_at<T>(u, i));
    }
    info.as<int32_t>()[i] = !ended;
  });
}

}  // namespace tenon::cpu
