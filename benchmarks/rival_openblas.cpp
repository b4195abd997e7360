// OpenBLAS, opened at run time so that its symbols do not mix with another BLAS in the process.
#include <dlfcn.h>

#include "gemm_figures.h"

namespace bench {
namespace {

using Sgemm = void (*)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float* a, int lda,
                       const float* b, int ldb, float beta, float* c, int ldc);

}  // namespace

std::vector<Figure> openblas_figures(int threads) {
  void* library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
  if (!library) return {};
  const auto sgemm = reinterpret_cast<Sgemm>(dlsym(library, "cblas_sgemm"));
  const auto set_threads = reinterpret_cast<void (*)(int)>(dlsym(library, "openblas_set_num_threads"));
  if (!sgemm || !set_threads) return {};
  set_threads(threads);
  return gemm_figures([sgemm](const Gemm& p, const float* a, const float* b, float* c) {
    return [&p, a, b, c, sgemm] {
      constexpr int kRowMajor = 101, kNoTrans = 111, kTrans = 112;
      const int m = static_cast<int>(p.m), n = static_cast<int>(p.n), k = static_cast<int>(p.k);
      for (int64_t i = 0; i < p.batch; ++i) {
        sgemm(kRowMajor, kNoTrans, p.transposed_rhs ? kTrans : kNoTrans, m, n, k, 1.0f, a + i * p.m * p.k, k,
              b + i * p.k * p.n, p.transposed_rhs ? k : n, 0.0f, c + i * p.m * p.n, n);
      }
    };
  });
}

}  // namespace bench
