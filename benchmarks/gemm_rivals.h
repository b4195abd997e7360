// The products that gemm_bench measures beside ours. A rival that was not found when building is null.
#pragma once

#include <cstdint>

// Row-major c[b] = a[b] @ b[b] of float32; if transposed_rhs, b[b] is stored as [n, k].
struct GemmCase {
  int64_t batch, m, k, n;
  bool transposed_rhs;
};

struct GemmRival {
  const char* name;
  void (*set_threads)(int threads);
  // Makes ready what a program would keep between calls, and returns it.
  void* (*prepare)(const GemmCase& problem, float* a, float* b, float* c);
  void (*run)(void* prepared);
  void (*release)(void* prepared);
};

const GemmRival* torch_rival();
const GemmRival* openblas_rival();
const GemmRival* eigen_rival();
