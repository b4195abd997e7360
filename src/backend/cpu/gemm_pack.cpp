// Copies operands of the matrix product into panels, converting half types to float. Depends on gemm.h and Highway.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/gemm_pack.cpp"
#include "backend/cpu/simd.h"

#include <algorithm>
#include <type_traits>

#include "backend/cpu/gemm.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr bool kHas32Registers = !HWY_ARCH_X86 || HWY_TARGET <= HWY_AVX3;

// A vector of T from elements of S.
template <class D, class S, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_as(D d, const S* from) {
  if constexpr (std::is_same_v<S, T>) {
    return hn::LoadU(d, from);
  } else {
    using Lane = std::conditional_t<std::is_same_v<S, Half>, hwy::float16_t, hwy::bfloat16_t>;
    return hn::PromoteTo(d, hn::LoadU(hn::Rebind<Lane, D>(), reinterpret_cast<const Lane*>(from)));
  }
}

// All panels of an operand of unit stride along its outer dimension: k runs slowest, so that reads are long.
template <class T, class S>
void pack_contiguous_outer(T* to, const S* from, int64_t outer, int64_t k, int64_t k_stride, int64_t unit,
                           const Panels& panels) {
  const hn::ScalableTag<T> d;
  const hn::FixedTag<T, 16 / sizeof(T)> short_d;
  constexpr int64_t kLanes = hn::MaxLanes(d), kShort = hn::MaxLanes(short_d);
  for (int64_t step = 0; step < k; ++step, from += k_stride) {
    for (int64_t p = 0; p < panels.count; ++p) {
      const int64_t begin = panels.start(p) * unit;
      const int64_t width = panels.start(p + 1) * unit - begin;
      const int64_t present = std::min(width, outer - begin);
      T* row = to + begin * k + step * width;
      int64_t i = 0;
      for (; i + kLanes <= present; i += kLanes) hn::StoreU(load_as(d, from + begin + i), d, row + i);
      for (; i + kShort <= present; i += kShort) hn::StoreU(load_as(short_d, from + begin + i), short_d, row + i);
      for (; i < present; ++i) row[i] = static_cast<T>(from[begin + i]);
      for (; i < width; ++i) row[i] = T{0};
    }
  }
}

// Transposes a square of as many elements as 128 bits hold: 4 x 4, or 2 x 2 for double.
template <class S>
HWY_INLINE void transpose_block(float* to, int64_t to_stride, const S* from, int64_t from_stride) {
  const hn::FixedTag<float, 4> d;
  const hn::FixedTag<double, 2> wide;
  const auto v0 = load_as(d, from), v1 = load_as(d, from + from_stride);
  const auto v2 = load_as(d, from + 2 * from_stride), v3 = load_as(d, from + 3 * from_stride);
  const auto low01 = hn::BitCast(wide, hn::InterleaveLower(d, v0, v1));
  const auto low23 = hn::BitCast(wide, hn::InterleaveLower(d, v2, v3));
  const auto high01 = hn::BitCast(wide, hn::InterleaveUpper(d, v0, v1));
  const auto high23 = hn::BitCast(wide, hn::InterleaveUpper(d, v2, v3));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(wide, low01, low23)), d, to);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(wide, low01, low23)), d, to + to_stride);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(wide, high01, high23)), d, to + 2 * to_stride);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(wide, high01, high23)), d, to + 3 * to_stride);
}

HWY_INLINE void transpose_block(double* to, int64_t to_stride, const double* from, int64_t from_stride) {
  const hn::FixedTag<double, 2> d;
  const auto v0 = hn::LoadU(d, from), v1 = hn::LoadU(d, from + from_stride);
  hn::StoreU(hn::InterleaveLower(d, v0, v1), d, to);
  hn::StoreU(hn::InterleaveUpper(d, v0, v1), d, to + to_stride);
}

// One panel of an operand of unit stride along k; a stretch of k at a time, so that what is written stays in L1.
template <class T, class S>
void pack_contiguous_k(T* to, const S* from, int64_t width, int64_t present, int64_t k, int64_t outer_stride) {
  constexpr int64_t kBlock = 16 / sizeof(T);
  constexpr int64_t kStretch = 16;
  for (int64_t k0 = 0; k0 < k; k0 += kStretch) {
    const int64_t k1 = std::min(k, k0 + kStretch);
    int64_t i = 0;
    for (; i + kBlock <= present; i += kBlock) {
      const S* source = from + i * outer_stride;
      int64_t step = k0;
      for (; step + kBlock <= k1; step += kBlock) {
        transpose_block(to + step * width + i, width, source + step, outer_stride);
      }
      for (; step < k1; ++step) {
        for (int64_t j = 0; j < kBlock; ++j) to[step * width + i + j] = static_cast<T>(source[j * outer_stride + step]);
      }
    }
    for (; i < width; ++i) {
      for (int64_t step = k0; step < k1; ++step) {
        to[step * width + i] = i < present ? static_cast<T>(from[i * outer_stride + step]) : T{0};
      }
    }
  }
}

template <class T, class S>
void pack(T* to, const S* from, int64_t outer, int64_t k, int64_t outer_stride, int64_t k_stride, int64_t unit,
          int64_t max) {
  const Panels panels((outer + unit - 1) / unit, max);
  if (outer_stride == 1) return pack_contiguous_outer(to, from, outer, k, k_stride, unit, panels);
  for (int64_t p = 0; p < panels.count; ++p) {
    const int64_t begin = panels.start(p) * unit;
    const int64_t width = panels.start(p + 1) * unit - begin;
    const int64_t present = std::min(width, outer - begin);
    T* panel = to + begin * k;
    const S* source = from + begin * outer_stride;
    if (k_stride == 1) {
      pack_contiguous_k(panel, source, width, present, k, outer_stride);
      continue;
    }
    for (int64_t step = 0; step < k; ++step) {
      for (int64_t i = 0; i < width; ++i) {
        panel[step * width + i] =
            i < present ? static_cast<T>(source[i * outer_stride + step * k_stride]) : T{0};
      }
    }
  }
}

template <class T, class S>
void pack_lhs(T* to, const void* from, int64_t outer, int64_t k, int64_t outer_stride, int64_t k_stride) {
  pack(to, static_cast<const S*>(from), outer, k, outer_stride, k_stride, 1, tile_rows(kHas32Registers));
}

template <class T, class S>
void pack_rhs(T* to, const void* from, int64_t outer, int64_t k, int64_t outer_stride, int64_t k_stride) {
  pack(to, static_cast<const S*>(from), outer, k, outer_stride, k_stride, hn::MaxLanes(hn::ScalableTag<T>()),
       tile_vectors(kHas32Registers));
}

template <class T, class S>
constexpr PackKernels<T> kernels = {&pack_lhs<T, S>, &pack_rhs<T, S>};

}  // namespace

extern const PackTable gemm_pack;
const PackTable gemm_pack = {kernels<float, float>, kernels<float, Half>, kernels<float, BFloat16>,
                             kernels<double, double>};

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::cpu {
TENON_ISA_TABLE(PackTable, gemm_pack)
}  // namespace tenon::cpu
#endif
