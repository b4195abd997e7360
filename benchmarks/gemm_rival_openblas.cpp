// OpenBLAS, opened at run time so that its symbols do not mix with another BLAS in the process.
#include <dlfcn.h>

#include "gemm_rivals.h"

namespace {

using Sgemm = void (*)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float* a, int lda,
                       const float* b, int ldb, float beta, float* c, int ldc);
Sgemm sgemm;
void (*set_num_threads)(int);

struct Prepared {
  GemmCase problem;
  const float* a;
  const float* b;
  float* c;
};

void* prepare(const GemmCase& problem, float* a, float* b, float* c) { return new Prepared{problem, a, b, c}; }

void run(void* prepared) {
  constexpr int kRowMajor = 101, kNoTrans = 111, kTrans = 112;
  const auto& [p, a, b, c] = *static_cast<Prepared*>(prepared);
  const int m = static_cast<int>(p.m), n = static_cast<int>(p.n), k = static_cast<int>(p.k);
  for (int64_t i = 0; i < p.batch; ++i) {
    sgemm(kRowMajor, kNoTrans, p.transposed_rhs ? kTrans : kNoTrans, m, n, k, 1.0f, a + i * p.m * p.k, k,
          b + i * p.k * p.n, p.transposed_rhs ? k : n, 0.0f, c + i * p.m * p.n, n);
  }
}

void release(void* prepared) { delete static_cast<Prepared*>(prepared); }

}  // namespace

const GemmRival* openblas_rival() {
  void* library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
  if (!library) return nullptr;
  sgemm = reinterpret_cast<Sgemm>(dlsym(library, "cblas_sgemm"));
  set_num_threads = reinterpret_cast<void (*)(int)>(dlsym(library, "openblas_set_num_threads"));
  if (!sgemm || !set_num_threads) return nullptr;
  static const GemmRival rival = {"OpenBLAS", set_num_threads, &prepare, &run, &release};
  return &rival;
}
