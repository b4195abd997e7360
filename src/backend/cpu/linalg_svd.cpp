// Singular values by Eigen: divide and conquer, which takes small matrices by Jacobi's rotations.
#include <Eigen/SVD>

#include "backend/cpu/linalg.h"

namespace tenon::cpu {

void svd(const TensorView& u, const TensorView& s, const TensorView& v, const TensorView& a, const TensorView& info) {
  for_matrices(a, [&](int64_t i, auto tag) {
    using T = decltype(tag);
    const auto matrix = matrix_at<T>(a, i);
    unsigned options = 0;
    if (u.data) {
      options |= u.sizes[2] == u.sizes[1] ? Eigen::ComputeFullU : Eigen::ComputeThinU;
      options |= v.sizes[2] == v.sizes[1] ? Eigen::ComputeFullV : Eigen::ComputeThinV;
    }
    const Eigen::BDCSVD<Matrix<T>> decomposition(matrix, options);
    info.as<int32_t>()[i] = decomposition.info() != Eigen::Success;
    if (info.as<int32_t>()[i]) return;
    Eigen::Map<Vector<RealOf<T>>>(vector_at<RealOf<T>>(s, i), s.sizes[1]) = decomposition.singularValues();
    if (!u.data) return;
    matrix_at<T>(u, i) = decomposition.matrixU();
    matrix_at<T>(v, i) = decomposition.matrixV();
  });
}

}  // namespace tenon::cpu
