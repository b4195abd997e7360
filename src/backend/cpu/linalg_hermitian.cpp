// Eigenvalues of Hermitian matrices: brought to a real tridiagonal one, whose eigenvectors are then turned back.
#include <cmath>
#include <vector>

#include "backend/cpu/linalg_reduction.h"
#include "backend/cpu/linalg_reflectors.h"
#include "backend/cpu/linalg_tridiagonal.h"

namespace tenon::cpu {
namespace {

// The rising eigenvalues of a, whose lower triangle counts; a becomes the eigenvectors if they are wanted.
template <class T>
bool eigh_of(Block<T> a, RealOf<T>* values, bool vectors) {
  if (a.rows() == 1) {  // even one that is not finite
    values[0] = Eigen::numext::real(a(0, 0));
    a(0, 0) = T{1};
    return true;
  }
  if constexpr (!std::is_same_v<T, Wide<T>>) {
    if (a.rows() <= kWidened) {
      Matrix<Wide<T>> wide = a.template cast<Wide<T>>();
      Vector<double> wide_values(a.rows());
      const bool ended = eigh_of<Wide<T>>(wide, wide_values.data(), vectors);
      Eigen::Map<Vector<RealOf<T>>>(values, a.rows()) = wide_values.template cast<RealOf<T>>();
      a = wide.template cast<T>();
      return ended;
    }
  }
  const int64_t n = a.rows();
  const RealOf<T> scale = safe_scale<T>(a, /*lower=*/true);
  if (std::isnan(scale)) return false;
  for (int64_t j = 0; j < n; ++j) {
    if (scale != 1) a.col(j).tail(n - j) *= scale;
    a(j, j) = Eigen::numext::real(a(j, j));
    a.row(j).tail(n - j - 1) = a.col(j).tail(n - j - 1).adjoint();
  }
  Vector<T> tau(n);
  std::vector<double> diagonal(n), beside(n);
  to_tridiagonal<T>(a, tau.data(), diagonal.data(), beside.data());
  Matrix<double> q = Matrix<double>::Zero(n, vectors ? n : 0);
  if (!tridiagonal_eigen(n, diagonal.data(), beside.data(), q)) return false;
  for (int64_t i = 0; i < n; ++i) values[i] = static_cast<RealOf<T>>(diagonal[i] / scale);
  if (!vectors) return true;
  Matrix<T> turned = q.cast<T>();
  apply_reflectors<T>(a.bottomLeftCorner(n - 1, n - 1), tau.data(), n - 1, turned.bottomRows(n - 1), Op::None,
                      Shape::Any);
  a = turned;
  return true;
}

}  // namespace

void eigh(const TensorView& values, const TensorView& a, const TensorView& info, bool vectors) {
  for_matrices(a, [&](int64_t i, auto tag) {
    using T = decltype(tag);
    info.as<int32_t>()[i] = !eigh_of<T>(matrix_at<T>(a, i), vector_at<RealOf<T>>(values, i), vectors);
  });
}

}  // namespace tenon::cpu
