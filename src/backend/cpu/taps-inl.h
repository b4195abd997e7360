// Weighted sums of gathered elements, and of rows. Included after simd.h, once for each instruction set.
#if defined(TENON_CPU_TAPS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef TENON_CPU_TAPS_INL_H
#undef TENON_CPU_TAPS_INL_H
#else
#define TENON_CPU_TAPS_INL_H
#endif

#include "backend/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {

// What a gather of T takes as an index.
template <class T>
using IndexOf = hwy::MakeSigned<T>;

// One vector of in[index], zero where the index is negative.
template <class T>
HWY_INLINE VecOf<T> gather_or_zero(const T* in, VecOf<IndexOf<T>> index) {
  const hn::ScalableTag<T> d;
  const hn::ScalableTag<IndexOf<T>> di;
  const auto zero = hn::Zero(di);
  const auto there = hn::RebindMask(d, hn::Gt(index, hn::Set(di, IndexOf<T>{-1})));
  return hn::IfThenElseZero(there, hn::GatherIndex(d, in, hn::Max(index, zero)));
}

// out[i] = the sum over k < taps of weight[k * stride + i] * in[index[k * stride + i]], for i < n; taps with a negative
// index count as zero.
template <class T>
void sum_taps(T* out, const T* in, const IndexOf<T>* index, const T* weight, int64_t taps, int64_t stride, int64_t n) {
  const hn::ScalableTag<T> d;
  const hn::ScalableTag<IndexOf<T>> di;
  for_vectors<T>(
      n,
      [&](int64_t i) HWY_ATTR {
        auto sum = hn::Zero(d);
        for (int64_t k = 0; k < taps; ++k) {
          const auto x = gather_or_zero<T>(in, hn::LoadU(di, index + k * stride + i));
          sum = hn::MulAdd(hn::LoadU(d, weight + k * stride + i), x, sum);
        }
        hn::StoreU(sum, d, out + i);
      },
      [&](int64_t i, size_t count) HWY_ATTR {
        auto sum = hn::Zero(d);
        for (int64_t k = 0; k < taps; ++k) {
          const auto x = gather_or_zero<T>(in, load_tail(index + k * stride + i, count, hn::Set(di, IndexOf<T>{-1})));
          sum = hn::MulAdd(load_tail(weight + k * stride + i, count, hn::Zero(d)), x, sum);
        }
        store_tail(sum, out + i, count);
      });
}

// out[j] = the sum over k < count of weight[k] * in[k * stride + j], for j < n.
template <class T>
void sum_rows(T* out, const T* in, const T* weight, int64_t count, int64_t stride, int64_t n) {
  const hn::ScalableTag<T> d;
  for_vectors<T>(
      n,
      [&](int64_t j) HWY_ATTR {
        auto sum = hn::Zero(d);
        for (int64_t k = 0; k < count; ++k) {
          sum = hn::MulAdd(hn::Set(d, weight[k]), hn::LoadU(d, in + k * stride + j), sum);
        }
        hn::StoreU(sum, d, out + j);
      },
      [&](int64_t j, size_t lanes) HWY_ATTR {
        auto sum = hn::Zero(d);
        for (int64_t k = 0; k < count; ++k) {
          sum = hn::MulAdd(hn::Set(d, weight[k]), load_tail(in + k * stride + j, lanes, hn::Zero(d)), sum);
        }
        store_tail(sum, out + j, lanes);
      });
}

}  // namespace
}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // TENON_CPU_TAPS_INL_H
