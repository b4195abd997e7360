// Eigen's product, compiled for this very machine and with OpenMP.
#include <Eigen/Core>

#include "gemm_figures.h"

namespace bench {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

auto make_call(const Gemm& p, float* a, float* b, float* c) {
  return [&p, a, b, c] {
    for (int64_t i = 0; i < p.batch; ++i) {
      const Eigen::Map<const Matrix> lhs(a + i * p.m * p.k, p.m, p.k);
      const float* rhs = b + i * p.k * p.n;
      Eigen::Map<Matrix> out(c + i * p.m * p.n, p.m, p.n);
      if (p.transposed_rhs) {
        out.noalias() = lhs * Eigen::Map<const Matrix>(rhs, p.n, p.k).transpose();
      } else {
        out.noalias() = lhs * Eigen::Map<const Matrix>(rhs, p.k, p.n);
      }
    }
  };
}

}  // namespace

std::vector<Figure> eigen_figures(int threads) {
  Eigen::setNbThreads(threads);
  return gemm_figures(&make_call);
}

}  // namespace bench
