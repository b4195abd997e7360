// Eigen's product, compiled for this very machine and with OpenMP.
#include "gemm_rivals.h"

#ifdef TENON_BENCH_EIGEN
#include <Eigen/Core>

namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

struct Prepared {
  GemmCase problem;
  const float* a;
  const float* b;
  float* c;
};

void* prepare(const GemmCase& problem, float* a, float* b, float* c) { return new Prepared{problem, a, b, c}; }

void run(void* prepared) {
  const auto& [p, a, b, c] = *static_cast<Prepared*>(prepared);
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
}

void release(void* prepared) { delete static_cast<Prepared*>(prepared); }

}  // namespace

const GemmRival* eigen_rival() {
  static const GemmRival rival = {"Eigen", &Eigen::setNbThreads, &prepare, &run, &release};
  return &rival;
}
#else
const GemmRival* eigen_rival() { return nullptr; }
#endif
