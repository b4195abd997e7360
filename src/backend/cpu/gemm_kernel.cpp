// The register tiles of the matrix product, for every instruction set. Depends on gemm.h and Highway.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/gemm_kernel.cpp"
#include "backend/cpu/simd.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "backend/cpu/gemm.h"
#include "backend/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {

constexpr bool kHas32Registers = !HWY_ARCH_X86 || HWY_TARGET <= HWY_AVX3;
constexpr int kRows = tile_rows(kHas32Registers);
constexpr int kVectors = tile_vectors(kHas32Registers);
// Tiles of unpacked operands may have other shapes of about the same area: taller for narrow products, and one vector
// wider for a width that would need two panels else.
constexpr int kMaxVectors = kVectors + 1;
constexpr int max_rows(int vectors) { return std::min(16, kRows * kVectors / vectors); }
constexpr int wide_vectors(int rows) { return std::min(12, kRows * kVectors / rows); }

// A vector of which only the first `count` elements exist. Made once for many: a mask is not cheap to make.
template <class T>
class Tail {
  static constexpr hn::ScalableTag<T> d{};

 public:
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
  explicit HWY_INLINE Tail(size_t count) : mask_(hn::FirstN(d, count)) {}
  HWY_INLINE VecOf<T> load(const T* from) const { return hn::MaskedLoad(mask_, d, from); }
  HWY_INLINE void store(VecOf<T> v, T* to) const { hn::BlendedStore(v, mask_, d, to); }

 private:
  hn::Mask<hn::ScalableTag<T>> mask_;
#else
  explicit HWY_INLINE Tail(size_t count) : count_(count) {}
  HWY_INLINE VecOf<T> load(const T* from) const { return load_tail(from, count_, hn::Zero(d)); }
  HWY_INLINE void store(VecOf<T> v, T* to) const { store_tail(v, to, count_); }

 private:
  size_t count_;
#endif
};

// One register tile; the last vector of a row has `tail_count` elements if kTail.
template <class T, int kM, int kN, bool kTail>
void tile(const GemmBlock<T>& block, const T* a, int64_t a_stride, int64_t a_k_stride, const T* b, int64_t b_stride,
          T* c, const T* bias, size_t tail_count) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  constexpr int64_t kLanes = hn::MaxLanes(d);
  constexpr int kGroup = 4;  // rows that are addressed from one pointer
  const T* rows[(kM + kGroup - 1) / kGroup];
  for (size_t g = 0; g < std::size(rows); ++g) rows[g] = a + static_cast<int64_t>(g) * kGroup * a_stride;
  // Opaque, as GCC would double the code with a version for a stride of one element.
  int64_t k_bytes = a_k_stride * static_cast<int64_t>(sizeof(T));
  asm("" : "+r"(k_bytes));
  const Tail<T> tail(tail_count);
  const auto load = [&](const T* from, int j) HWY_ATTR {
    return kTail && j == kN - 1 ? tail.load(from) : hn::LoadU(d, from);
  };
  V sum[kM][kN];
#pragma GCC unroll 16
  for (int i = 0; i < kM; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < kN; ++j) sum[i][j] = hn::Zero(d);
  }
  if (block.a_packed) {  // a large product: c is far away
    for (int i = 0; i < kM; ++i) {
      for (int j = 0; j < kN; ++j) __builtin_prefetch(c + i * block.c_row_stride + j * kLanes);
    }
  }
  int64_t k = block.k;
  do {
    V column[kN];
#pragma GCC unroll 16
    for (int j = 0; j < kN; ++j) {
      column[j] = load(b + j * kLanes, j);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kM; ++i) {
      const V value = hn::Set(d, rows[i / kGroup][i % kGroup * a_stride]);
#pragma GCC unroll 16
      for (int j = 0; j < kN; ++j) sum[i][j] = hn::MulAdd(value, column[j], sum[i][j]);
    }
    b += b_stride;
    for (const T*& group : rows) group = reinterpret_cast<const T*>(reinterpret_cast<const char*>(group) + k_bytes);
  } while (--k != 0);

  const auto for_vectors_of_tile = [&](const auto& body) HWY_ATTR {
#pragma GCC unroll 16
    for (int i = 0; i < kM; ++i) {
#pragma GCC unroll 16
      for (int j = 0; j < kN; ++j) body(sum[i][j], c + i * block.c_row_stride + j * kLanes, j);
    }
  };
  if (block.alpha != T{1}) {
    const V alpha = hn::Set(d, block.alpha);
    for_vectors_of_tile([&](V& value, T*, int) HWY_ATTR { value = hn::Mul(alpha, value); });
  }
  if (block.beta != T{0}) {
    const V beta = hn::Set(d, block.beta);
    for_vectors_of_tile([&](V& value, const T* to, int j) HWY_ATTR { value = hn::MulAdd(beta, load(to, j), value); });
  }
  if (bias) {
    for_vectors_of_tile([&](V& value, T*, int j) HWY_ATTR { value = hn::Add(value, load(bias + j * kLanes, j)); });
  }
  for_vectors_of_tile([&](V& value, T* to, int j) HWY_ATTR {
    if (kTail && j == kN - 1) {
      tail.store(value, to);
    } else {
      hn::StoreU(value, d, to);
    }
  });
}

template <class T>
using Tile = void (*)(const GemmBlock<T>&, const T*, int64_t, int64_t, const T*, int64_t, T*, const T*, size_t);

// [vectors - 1][rows - 1]; null above max_rows(vectors).
template <class T, bool kTail>
constexpr auto tiles = []<size_t... kJ>(std::index_sequence<kJ...>) {
  using Column = std::array<Tile<T>, 16>;
  return std::array<Column, kMaxVectors>{[]<size_t kN, size_t... kI>(std::index_sequence<kI...>) {
    return Column{&tile<T, kI + 1, kN, kTail>...};
  }.template operator()<kJ + 1>(std::make_index_sequence<max_rows(kJ + 1)>())...};
}(std::make_index_sequence<kMaxVectors>());

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
      wide_tiles<T>[block.m - 1](block, block.a.data, block.a.outer_stride, block.a.k_stride, block.b.data + column,
                                 block.b.k_stride, block.c + column, block.bias ? block.bias + column : nullptr, 0);
    }
  }
  const int64_t first = column;
  const int64_t vectors_left = (block.n - first + kLanes - 1) / kLanes;
  const bool free_shape = vectors_left <= kMaxVectors && !block.a_packed && !block.b_packed;
  const Panels rows(block.m, free_shape && vectors_left > 0 ? max_rows(static_cast<int>(vectors_left)) : kRows);
  const Panels columns(vectors_left, free_shape ? kMaxVectors : kVectors);
  for (int64_t j = 0; j < columns.count; ++j) {
    column = first + columns.start(j) * kLanes;
    const int64_t vectors = columns.start(j + 1) - columns.start(j);
    const int64_t missing = std::max<int64_t>(column + vectors * kLanes - block.n, 0);
    const auto& run = (missing ? tiles<T, true> : tiles<T, false>)[vectors - 1];
    const T* b = block.b.data + column * (block.b_packed ? block.k : 1);
    const int64_t b_stride = block.b_packed ? vectors * kLanes : block.b.k_stride;
    const T* bias = block.bias ? block.bias + column : nullptr;
    const size_t tail = static_cast<size_t>(kLanes - missing);
    for (int64_t i = 0, row = 0; i < rows.count; ++i) {
      const int64_t count = rows.start(i + 1) - row;
      T* c = block.c + row * block.c_row_stride + column;
      if (block.a_packed) {
        const T* a = block.a.data + row * block.a_depth + block.a_first * count;
        run[count - 1](block, a, 1, count, b, b_stride, c, bias, tail);
      } else {
        run[count - 1](block, block.a.data + row * block.a.outer_stride, block.a.outer_stride, block.a.k_stride, b,
                       b_stride, c, bias, tail);
      }
      row += count;
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
