// QR factors.
#include "backend/cpu/linalg_reflectors.h"

namespace tenon::cpu {

void qr(const TensorView& q, const TensorView& r, const TensorView& a) {
  for_matrices(a, [&](int64_t i, auto tag) {
    using T = decltype(tag);
    auto matrix = matrix_at<T>(a, i);
    const int64_t k = std::min(matrix.rows(), matrix.cols());
    Vector<T> tau(k);
    factor_qr<T>(matrix, tau.data());
    matrix_at<T>(r, i) = matrix.topRows(r.sizes[1]).template triangularView<Eigen::Upper>();
    if (!q.data) return;
    auto result = matrix_at<T>(q, i);
    result.setIdentity();
    apply_reflectors<T>(matrix, tau.data(), k, result, Op::None, Shape::Identity);
  });
}

void geqrf(const TensorView& a, const TensorView& tau) {
  for_matrices(a, [&](int64_t i, auto tag) {
    using T = decltype(tag);
    factor_qr<T>(matrix_at<T>(a, i), vector_at<T>(tau, i));
  });
}

void apply_reflectors(const TensorView& c, const TensorView& a, const TensorView& tau, bool adjoint) {
  for_matrices(a, [&](int64_t i, auto tag) {
    using T = decltype(tag);
    apply_reflectors<T>(matrix_at<T>(a, i), vector_at<T>(tau, i), tau.sizes[1], matrix_at<T>(c, i),
                        adjoint ? Op::Adjoint : Op::None, Shape::Any);
  });
}

}  // namespace tenon::cpu
