// The float32 matrix products that every library is given, on the same memory layouts.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "figures.h"

namespace bench {

// Row-major c[b] = a[b] @ b[b]; if transposed_rhs, b[b] is stored as [n, k].
struct Gemm {
  const char* name;
  int64_t batch, m, k, n;
  bool transposed_rhs;
};

inline constexpr Gemm kGemms[] = {
    {"mm_16", 1, 16, 16, 16, false},
    {"mm_32", 1, 32, 32, 32, false},
    {"mm_64", 1, 64, 64, 64, false},
    {"mm_128", 1, 128, 128, 128, false},
    {"mm_256", 1, 256, 256, 256, false},
    {"mm_512", 1, 512, 512, 512, false},
    {"mm_1024", 1, 1024, 1024, 1024, false},
    {"mm_2048", 1, 2048, 2048, 2048, false},
    {"mm_128x784x32", 1, 32, 784, 128, false},
    {"mm_256x784x512_weight_T", 1, 512, 784, 256, true},
    {"bmm_64_of_64", 64, 64, 64, 64, false},
    {"bmm_64_of_64_rhs_T", 64, 64, 64, 64, true},
    {"mm_row_vector_1024", 1, 1, 1024, 1024, false},
    {"mm_row_vector_1024_weight_T", 1, 1, 1024, 1024, true},
    {"mm_column_vector_1024", 1, 1024, 1024, 1, false},
    {"mm_8_rows_1024", 1, 8, 1024, 1024, false},
};

struct GemmBuffers {
  explicit GemmBuffers(const Gemm& p)
      : a(filled(p.batch * p.m * p.k, 1)), b(filled(p.batch * p.k * p.n, 2)), c(filled(p.batch * p.m * p.n, 3)) {}

  struct Free {
    void operator()(float* data) const { std::free(data); }
  };
  using Buffer = std::unique_ptr<float, Free>;

  static Buffer filled(int64_t size, int seed) {
    Buffer buffer(static_cast<float*>(std::aligned_alloc(64, static_cast<size_t>((size * 4 + 63) / 64 * 64))));
    for (int64_t i = 0; i < size; ++i) buffer.get()[i] = static_cast<float>((i * 7 + seed) % 17 - 8) / 8;
    return buffer;
  }

  Buffer a, b, c;
};

// The figures of a library whose `make_call(gemm, a, b, c)` returns a callable that computes the product once.
template <class MakeCall>
std::vector<Figure> gemm_figures(MakeCall make_call) {
  std::vector<Figure> figures;
  for (const Gemm& gemm : kGemms) {
    const double flops = 2.0 * static_cast<double>(gemm.batch * gemm.m) * static_cast<double>(gemm.k * gemm.n);
    const int64_t calls = std::clamp<int64_t>(static_cast<int64_t>(1e6 / flops), 1, 100);
    figures.push_back({gemm.name, {flops, 0}, calls, [&gemm, make_call, calls] {
                         auto buffers = std::make_shared<GemmBuffers>(gemm);
                         auto call = make_call(gemm, buffers->a.get(), buffers->b.get(), buffers->c.get());
                         return repeated([buffers, call]() mutable { call(); }, calls);
                       }});
  }
  return figures;
}

}  // namespace bench
