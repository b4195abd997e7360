// The register tiles of the matrix product, for every instruction set. Sees gemm.h alone.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/gemm_kernel.cpp"
#include "backend/cpu/simd.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "backend/cpu/gemm.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr int kRows = tile_rows(HWY_TARGET <= HWY_AVX3);
constexpr int kVectors = tile_vectors(HWY_TARGET <= HWY_AVX3);
constexpr int wide_vectors(int rows) { return std::min(12, kRows * kVectors / rows); }

// Partial vectors never touch memory past their `count` elements.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_part(D d, const T* from, size_t count) {
#if HWY_TARGET <= HWY_AVX2
  return hn::MaskedLoad(hn::FirstN(d, count), d, from);
#else
  HWY_ALIGN T lanes[hn::MaxLanes(d)] = {};
  std::memcpy(lanes, from, count * sizeof(T));
  return hn::Load(d, lanes);
#endif
}

template <class D, class T = hn::TFromD<D>>
HWY_INLINE void store_part(hn::Vec<D> v, D d, T* to, size_t count) {
#if HWY_TARGET <= HWY_AVX2
  hn::BlendedStore(v, hn::FirstN(d, count), d, to);
#else
  HWY_ALIGN T lanes[hn::MaxLanes(d)];
  hn::Store(v, d, lanes);
  std::memcpy(to, lanes, count * sizeof(T));
#endif
}

// One register tile; the last vector of a row has `tail` elements if kTail.
template <class T, int kM, int kN, bool kTail>
void tile(const GemmBlock<T>& block, GemmOperand<T> a, const T* b, int64_t b_stride, T* c, const T* bias, size_t tail) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  constexpr int64_t kLanes = hn::MaxLanes(d);
  const T* rows[kM];
  V sum[kM][kN];
#pragma GCC unroll 16
  for (int i = 0; i < kM; ++i) {
    rows[i] = a.data + i * a.outer_stride;
#pragma GCC unroll 16
    for (int j = 0; j < kN; ++j) {
      sum[i][j] = hn::Zero(d);
      if constexpr (kM > kWideRows) __builtin_prefetch(c + i * block.c_row_stride + j * kLanes);
    }
  }
  int64_t offset = 0;
  for (int64_t k = block.k; k != 0; --k) {
    V column[kN];
#pragma GCC unroll 16
    for (int j = 0; j < kN; ++j) {
      column[j] = kTail && j == kN - 1 ? load_part(d, b + j * kLanes, tail) : hn::LoadU(d, b + j * kLanes);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kM; ++i) {
      const V value = hn::Set(d, rows[i][offset]);
#pragma GCC unroll 16
      for (int j = 0; j < kN; ++j) sum[i][j] = hn::MulAdd(value, column[j], sum[i][j]);
    }
    b += b_stride;
    offset += a.k_stride;
  }

  const V alpha = hn::Set(d, block.alpha);
  const V beta = hn::Set(d, block.beta);
  const bool reads_c = block.beta != T{0};
#pragma GCC unroll 16
  for (int i = 0; i < kM; ++i) {
    T* row = c + i * block.c_row_stride;
#pragma GCC unroll 16
    for (int j = 0; j < kN; ++j, row += kLanes) {
      const bool partial = kTail && j == kN - 1;
      V result = hn::Mul(alpha, sum[i][j]);
      if (reads_c) result = hn::MulAdd(beta, partial ? load_part(d, row, tail) : hn::LoadU(d, row), result);
      if (bias) {
        const T* at = bias + j * kLanes;
        result = hn::Add(result, partial ? load_part(d, at, tail) : hn::LoadU(d, at));
      }
      if (partial) {
        store_part(result, d, row, tail);
      } else {
        hn::StoreU(result, d, row);
      }
    }
  }
}

template <class T>
using Tile = void (*)(const GemmBlock<T>&, GemmOperand<T>, const T*, int64_t, T*, const T*, size_t);

// [rows - 1][vectors - 1]
template <class T, bool kTail>
constexpr auto tiles = []<size_t... kI>(std::index_sequence<kI...>) {
  return std::array<std::array<Tile<T>, kVectors>, kRows>{[]<size_t kM, size_t... kJ>(std::index_sequence<kJ...>) {
    return std::array<Tile<T>, kVectors>{&tile<T, kM + 1, kJ + 1, kTail>...};
  }.template operator()<kI>(std::make_index_sequence<kVectors>())...};
}(std::make_index_sequence<kRows>());

template <class T>
constexpr Tile<T> wide_tiles[kWideRows] = {&tile<T, 1, wide_vectors(1), false>, &tile<T, 2, wide_vectors(2), false>,
                                           &tile<T, 3, wide_vectors(3), false>, &tile<T, 4, wide_vectors(4), false>};

template <class T>
void multiply(const GemmBlock<T>& block) {
  constexpr int64_t kLanes = hn::MaxLanes(hn::ScalableTag<T>());
  int64_t column = 0;
  if (block.m <= kWideRows && !block.a_packed && !block.b_packed) {
    const int64_t width = wide_vectors(static_cast<int>(block.m)) * kLanes;
    for (; block.n - column >= width; column += width) {
      wide_tiles<T>[block.m - 1](block, block.a, block.b.data + column, block.b.k_stride, block.c + column,
                                 block.bias ? block.bias + column : nullptr, 0);
    }
  }
  const int64_t first = column;
  const Panels rows(block.m, kRows);
  const Panels columns((block.n - first + kLanes - 1) / kLanes, kVectors);
  for (int64_t j = 0; j < columns.count; ++j) {
    column = first + columns.start(j) * kLanes;
    const int64_t vectors = columns.start(j + 1) - columns.start(j);
    const int64_t missing = std::max<int64_t>(column + vectors * kLanes - block.n, 0);
    const T* b = block.b_packed ? block.b.data + column * block.k : block.b.data + column;
    const int64_t b_stride = block.b_packed ? vectors * kLanes : block.b.k_stride;
    const T* bias = block.bias ? block.bias + column : nullptr;
    for (int64_t i = 0; i < rows.count; ++i) {
      const int64_t row = rows.start(i);
      const int64_t count = rows.start(i + 1) - row;
      const GemmOperand<T> a = block.a_packed
                                   ? GemmOperand<T>{block.a.data + row * block.k, 1, count}
                                   : GemmOperand<T>{block.a.data + row * block.a.outer_stride, block.a.outer_stride,
                                                    block.a.k_stride};
      const Tile<T> run = missing ? tiles<T, true>[count - 1][vectors - 1] : tiles<T, false>[count - 1][vectors - 1];
      run(block, a, b, b_stride, block.c + row * block.c_row_stride + column, bias,
          static_cast<size_t>(kLanes - missing));
    }
  }
}

template <class T>
constexpr GemmKernels<T> kernels = {hn::MaxLanes(hn::ScalableTag<T>()), kRows,
                                    kVectors * hn::MaxLanes(hn::ScalableTag<T>()), &multiply<T>};

}  // namespace

extern const GemmKernels<float> gemm_float;
extern const GemmKernels<double> gemm_double;
const GemmKernels<float> gemm_float = kernels<float>;
const GemmKernels<double> gemm_double = kernels<double>;

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::cpu {
TENON_ISA_TABLE(GemmKernels<float>, gemm_float)
TENON_ISA_TABLE(GemmKernels<double>, gemm_double)
}  // namespace tenon::cpu
#endif
