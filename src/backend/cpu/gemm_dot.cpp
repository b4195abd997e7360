// Products whose operands both have unit stride along k, as in x @ weight.T: vectors run along k, so that nothing is
// packed. For few rows. Depends on gemm.h and Highway.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/gemm_dot.cpp"
#include "backend/cpu/simd.h"

#include <algorithm>

#include "backend/cpu/gemm.h"
#include "backend/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {

constexpr bool kHas32Registers = !HWY_ARCH_X86 || HWY_TARGET <= HWY_AVX3;
constexpr int kDotRows = kHas32Registers ? 6 : 3;
constexpr int kDotCols = 4;

// The sum of the 128-bit blocks of v.
template <class D, class V>
HWY_INLINE auto add_blocks(D d, V v) {
  if constexpr (hn::MaxLanes(d) * sizeof(hn::TFromD<D>) > 16) {
    const hn::Half<D> half;
    return add_blocks(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  } else {
    return v;
  }
}

// to[j] = the sum of the lanes of v[j].
template <class D>
HWY_INLINE void sum_lanes(D d, const hn::Vec<D> (&v)[kDotCols], float* to) {
  const auto pair = [d](auto x, auto y) HWY_ATTR {
    return hn::Add(hn::InterleaveLower(d, x, y), hn::InterleaveUpper(d, x, y));
  };
  const hn::Repartition<double, D> wide;
  const auto low = hn::BitCast(wide, pair(v[0], v[1]));
  const auto high = hn::BitCast(wide, pair(v[2], v[3]));
  const auto sums = hn::Add(hn::BitCast(d, hn::InterleaveLower(wide, low, high)),
                            hn::BitCast(d, hn::InterleaveUpper(wide, low, high)));
  hn::StoreU(add_blocks(d, sums), hn::FixedTag<float, 4>(), to);
}

template <class D>
HWY_INLINE void sum_lanes(D d, const hn::Vec<D> (&v)[kDotCols], double* to) {
  for (int j = 0; j < kDotCols; j += 2) {
    const auto sums = hn::Add(hn::InterleaveLower(d, v[j], v[j + 1]), hn::InterleaveUpper(d, v[j], v[j + 1]));
    hn::StoreU(add_blocks(d, sums), hn::FixedTag<double, 2>(), to + j);
  }
}

// A tile of kM rows and `count` columns of c.
template <class T, int kM>
void dot_tile(const DotBlock<T>& block, const T* a, const T* b, int64_t count, T* c, const T* bias) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  constexpr int64_t kLanes = hn::MaxLanes(d);
  const T* columns[kDotCols];  // past the last, the last again
  V sum[kM][kDotCols];
#pragma GCC unroll 8
  for (int j = 0; j < kDotCols; ++j) {
    columns[j] = b + std::min<int64_t>(j, count - 1) * block.b_col_stride;
#pragma GCC unroll 8
    for (int i = 0; i < kM; ++i) sum[i][j] = hn::Zero(d);
  }
  const int64_t whole = block.k / kLanes * kLanes;
  for (int64_t k = 0; k < whole; k += kLanes) {
    V column[kDotCols];
#pragma GCC unroll 8
    for (int j = 0; j < kDotCols; ++j) column[j] = hn::LoadU(d, columns[j] + k);
#pragma GCC unroll 8
    for (int i = 0; i < kM; ++i) {
      const V row = hn::LoadU(d, a + i * block.a_row_stride + k);
#pragma GCC unroll 8
      for (int j = 0; j < kDotCols; ++j) sum[i][j] = hn::MulAdd(row, column[j], sum[i][j]);
    }
  }
  if (whole < block.k) {
    const size_t rest = static_cast<size_t>(block.k - whole);
    V column[kDotCols];
#pragma GCC unroll 8
    for (int j = 0; j < kDotCols; ++j) column[j] = load_tail(columns[j] + whole, rest, hn::Zero(d));
#pragma GCC unroll 8
    for (int i = 0; i < kM; ++i) {
      const V row = load_tail(a + i * block.a_row_stride + whole, rest, hn::Zero(d));
#pragma GCC unroll 8
      for (int j = 0; j < kDotCols; ++j) sum[i][j] = hn::MulAdd(row, column[j], sum[i][j]);
    }
  }
  T sums[kM][kDotCols];
#pragma GCC unroll 8
  for (int i = 0; i < kM; ++i) sum_lanes(d, sum[i], sums[i]);
  for (int i = 0; i < kM; ++i) {
    for (int64_t j = 0; j < count; ++j) {
      T& to = c[i * block.c_row_stride + j * block.c_col_stride];
      T result = block.alpha * sums[i][j];
      if (block.beta != T{0}) result += block.beta * to;
      if (bias) result += bias[i * block.bias_row_stride + j * block.bias_col_stride];
      to = result;
    }
  }
}

template <class T>
void dot(const DotBlock<T>& block) {
  using Tile = void (*)(const DotBlock<T>&, const T*, const T*, int64_t, T*, const T*);
  static constexpr Tile kTiles[] = {&dot_tile<T, 1>, &dot_tile<T, 2>, &dot_tile<T, 3>,
#if !HWY_ARCH_X86 || HWY_TARGET <= HWY_AVX3
                                    &dot_tile<T, 4>, &dot_tile<T, 5>, &dot_tile<T, 6>
#endif
  };
  const Panels rows(block.m, kDotRows);
  for (int64_t i = 0; i < rows.count; ++i) {
    const int64_t row = rows.start(i);
    const Tile run = kTiles[rows.start(i + 1) - row - 1];
    for (int64_t j = 0; j < block.n; j += kDotCols) {
      run(block, block.a + row * block.a_row_stride, block.b + j * block.b_col_stride,
          std::min<int64_t>(kDotCols, block.n - j), block.c + row * block.c_row_stride + j * block.c_col_stride,
          block.bias ? block.bias + row * block.bias_row_stride + j * block.bias_col_stride : nullptr);
    }
  }
}

}  // namespace

extern const DotTable gemm_dot;
const DotTable gemm_dot = {&dot<float>, &dot<double>};

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::cpu {
TENON_ISA_TABLE(DotTable, gemm_dot)
}  // namespace tenon::cpu
#endif
