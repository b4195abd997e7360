// Decompositions and solvers by Eigen, one matrix of a batch to a thread.
#include <Eigen/Core>
#include <Eigen/QR>
#include <algorithm>
#include <complex>
#include <cstdint>

#include "backend/cpu/kernels.h"
#include "tenon/base/parallel.h"

namespace tenon::cpu {
namespace {

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;

// Matrix i of a batch.
template <class T>
Eigen::Map<Matrix<T>> matrix_at(const TensorView& batch, int64_t i) {
  const int64_t rows = batch.sizes[1], columns = batch.sizes[2];
  return {batch.as<T>() + i * rows * columns, rows, columns};
}

// body(matrix number) for each matrix of the batch, with T{} the dtype's type as its second argument.
template <class Body>
void for_matrices(const TensorView& batch, const Body& body) {
  const int64_t work = std::max<int64_t>(1, batch.sizes[1] * batch.sizes[2] * std::min(batch.sizes[1], batch.sizes[2]));
  parallel_for(0, batch.sizes[0], std::max<int64_t>(1, 32768 / work), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      switch (batch.dtype) {
        case kFloat: body(i, float{}); break;
        case kDouble: body(i, double{}); break;
        case kComplexFloat: body(i, std::complex<float>{}); break;
        default: body(i, std::complex<double>{}); break;
      }
    }
  });
}

void qr(const TensorView& q, const TensorView& r, const TensorView& a) {
  for_matrices(a, [&](int64_t i, auto tag) {
    using T = decltype(tag);
    const Eigen::HouseholderQR<Matrix<T>> decomposition(matrix_at<T>(a, i));
    const int64_t k = r.sizes[1];
    matrix_at<T>(r, i) = decomposition.matrixQR().topRows(k).template triangularView<Eigen::Upper>();
    if (!q.data) return;
    auto result = matrix_at<T>(q, i);
    result.setIdentity();
    result.applyOnTheLeft(decomposition.householderQ());
  });
}

void solve_triangular(const TensorView& x, const TensorView& a, bool upper, bool unit) {
  for_matrices(a, [&](int64_t i, auto tag) {
    using T = decltype(tag);
    const auto matrix = matrix_at<T>(a, i);
    auto solution = matrix_at<T>(x, i);
    if (upper && unit) {
      matrix.template triangularView<Eigen::UnitUpper>().solveInPlace(solution);
    } else if (upper) {
      matrix.template triangularView<Eigen::Upper>().solveInPlace(solution);
    } else if (unit) {
      matrix.template triangularView<Eigen::UnitLower>().solveInPlace(solution);
    } else {
      matrix.template triangularView<Eigen::Lower>().solveInPlace(solution);
    }
  });
}

}  // namespace

const LinalgKernels& linalg_table() {
  static constexpr LinalgKernels table = {qr, solve_triangular};
  return table;
}

}  // namespace tenon::cpu
