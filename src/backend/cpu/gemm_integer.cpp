// Integer matrix products: a plain blocked loop, vectorised by the compiler for every instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/gemm_integer.cpp"
#include "backend/cpu/simd.h"

#include <algorithm>
#include <type_traits>

#include "backend/cpu/gemm_integer.h"
#include "backend/cpu/scratch.h"
#include "tenon/base/parallel.h"

#ifndef TENON_GEMM_INTEGER_TABLE
#define TENON_GEMM_INTEGER_TABLE
namespace tenon::cpu {
// to[j] += sum over i < k of a[i] * b[i * n + j], for j < n. k is a multiple of 4.
struct IntegerRowTable {
  void (*add32)(uint32_t* to, const uint32_t* a, const uint32_t* b, int64_t k, int64_t n);
  void (*add64)(uint64_t* to, const uint64_t* a, const uint64_t* b, int64_t k, int64_t n);
};
}  // namespace tenon::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {

template <class U>
void add_row(U* __restrict to, const U* __restrict a, const U* __restrict b, int64_t k, int64_t n) {
  for (int64_t i = 0; i < k; i += 4, a += 4, b += 4 * n) {
    const U a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3];
    for (int64_t j = 0; j < n; ++j) to[j] += a0 * b[j] + a1 * b[n + j] + a2 * b[2 * n + j] + a3 * b[3 * n + j];
  }
}

}  // namespace

extern const IntegerRowTable integer_rows;
const IntegerRowTable integer_rows = {&add_row<uint32_t>, &add_row<uint64_t>};

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::cpu {
namespace {

TENON_ISA_TABLE(IntegerRowTable, integer_rows)

constexpr int64_t kRows = 64, kCols = 256, kDepth = 64;

// One tile of the result.
template <class T, class U>
void run_tile(const IntegerProduct& p, int64_t row0, int64_t rows, int64_t col0, int64_t cols) {
  const Scratch scratch((kDepth * kCols + kDepth) * sizeof(U));
  U* const b = scratch.as<U>();
  U* const a = b + kDepth * kCols;
  U* const to = static_cast<U*>(p.to) + row0 * p.n + col0;
  for (int64_t i = 0; i < rows; ++i) std::fill_n(to + i * p.n, cols, U{0});
  for (int64_t k0 = 0; k0 < p.k; k0 += kDepth) {
    const int64_t depth = std::min(kDepth, p.k - k0);
    const int64_t padded = (depth + 3) / 4 * 4;
    const T* const lhs = static_cast<const T*>(p.a) + row0 * p.a_row_stride + k0 * p.a_k_stride;
    const T* const rhs = static_cast<const T*>(p.b) + col0 * p.b_col_stride + k0 * p.b_k_stride;
    for (int64_t k = 0; k < depth; ++k) {
      for (int64_t j = 0; j < cols; ++j) b[k * cols + j] = static_cast<U>(rhs[k * p.b_k_stride + j * p.b_col_stride]);
    }
    std::fill(b + depth * cols, b + padded * cols, U{0});
    std::fill(a + depth, a + padded, U{0});
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t k = 0; k < depth; ++k) a[k] = static_cast<U>(lhs[i * p.a_row_stride + k * p.a_k_stride]);
      U* const row = to + i * p.n;
      if constexpr (sizeof(U) == 8) {
        integer_rows().add64(row, a, b, padded, cols);
      } else {
        integer_rows().add32(row, a, b, padded, cols);
      }
      if constexpr (std::is_same_v<T, bool>) {
        for (int64_t j = 0; j < cols; ++j) row[j] = std::min(row[j], U{1});
      }
    }
  }
}

}  // namespace

void multiply_integer(const IntegerProduct& p) {
  const int64_t row_tiles = (p.m + kRows - 1) / kRows;
  const int64_t col_tiles = (p.n + kCols - 1) / kCols;
  visit_dtype(p.dtype, [&]<class T>(T) {
    if constexpr (std::is_integral_v<T>) {
      using U = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
      parallel_for(0, row_tiles * col_tiles, 1, [&](int64_t begin, int64_t end) {
        for (int64_t tile = begin; tile < end; ++tile) {
          const int64_t row = tile / col_tiles * kRows, col = tile % col_tiles * kCols;
          run_tile<T, U>(p, row, std::min(kRows, p.m - row), col, std::min(kCols, p.n - col));
        }
      });
    }
  });
}

}  // namespace tenon::cpu
#endif
