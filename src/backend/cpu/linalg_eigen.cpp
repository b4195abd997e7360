// Eigenvalues of any square matrix by Eigen.
#include <Eigen/Eigenvalues>

#include "backend/cpu/linalg.h"

namespace tenon::cpu {
namespace {

// The real or complex dtype's solver.
template <class T>
using Solver = std::conditional_t<is_complex_v<T>, Eigen::ComplexEigenSolver<Matrix<T>>, Eigen::EigenSolver<Matrix<T>>>;

// Turns the phase of each column so that its largest element is real, as LAPACK does.
template <class C>
void make_largest_real(Eigen::Map<Matrix<C>> vectors) {
  for (int64_t j = 0; j < vectors.cols(); ++j) {
    Eigen::Index largest = 0;
    vectors.col(j).cwiseAbs2().maxCoeff(&largest);
    const C pivot = vectors(largest, j);
    if (pivot.imag() == 0) continue;
    vectors.col(j) *= std::conj(pivot) / std::abs(pivot);
    vectors(largest, j) = vectors(largest, j).real();
  }
}

}  // namespace

void eig(const TensorView& values, const TensorView& vectors, const TensorView& a, const TensorView& info) {
  for_matrices(a, [&](int64_t i, auto tag) {
    using T = decltype(tag);
    using C = std::complex<RealOf<T>>;
    const auto matrix = matrix_at<T>(a, i);
    const Solver<T> solver(matrix, vectors.data != nullptr);
    info.as<int32_t>()[i] = solver.info() != Eigen::Success;
    if (info.as<int32_t>()[i]) return;
    Eigen::Map<Vector<C>>(vector_at<C>(values, i), matrix.rows()) = solver.eigenvalues();
    if (!vectors.data) return;
    matrix_at<C>(vectors, i) = solver.eigenvectors();
    make_largest_real<C>(matrix_at<C>(vectors, i));
  });
}

}  // namespace tenon::cpu
