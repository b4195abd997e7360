// The loops of extreme.h.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/extreme.cpp"
#include "backend/cpu/extreme.h"

#include <type_traits>

#include "backend/cpu/simd.h"
#include "backend/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {

// The extreme of x[0, n), NaN if there is one.
template <class T, class Op>
HWY_INLINE T extreme_of(const T* x, int64_t n) {
  if constexpr (std::is_floating_point_v<T>) {
    return reduce_row(x, n, Op());
  } else {
    T best = x[0];
    for (int64_t i = 1; i < n; ++i) best = Op().scalar(best, x[i]);
    return best;
  }
}

// The first i with x[i] == value, or the first NaN when value is NaN; there is one.
template <class T>
HWY_INLINE int64_t first_of(const T* x, int64_t n, T value) {
  const hn::ScalableTag<T> d;
  const auto wanted = hn::Set(d, value);
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto v = hn::LoadU(d, x + i);
    auto found = hn::Eq(v, wanted);
    if constexpr (std::is_floating_point_v<T>) {
      if (value != value) found = hn::IsNaN(v);
    }
    const intptr_t at = hn::FindFirstTrue(d, found);
    if (at >= 0) return i + at;
  }
  while (x[i] != value && (value == value || x[i] == x[i])) ++i;
  return i;
}

// Whether x comes before best: more extreme, and not after a NaN.
template <class T, bool kMax>
HWY_INLINE bool beats(T x, T best) {
  if constexpr (std::is_floating_point_v<T>) {
    const bool not_worse = kMax ? !(x <= best) : !(x >= best);
    return not_worse & (best == best);
  } else {
    return kMax ? x > best : x < best;
  }
}

template <class T, bool kMax>
void row(const void* x, int64_t n, int64_t base, void* value, int64_t* index) {
  using Op = std::conditional_t<kMax, MaxOp, MinOp>;
  const T* p = static_cast<const T*>(x);
  T* best = static_cast<T*>(value);
  const T found = extreme_of<T, Op>(p, n);
  if (*index >= 0 && !beats<T, kMax>(found, *best)) return;
  *best = found;
  *index = base + first_of(p, n, found);
}

template <class T, bool kMax>
void step(const void* x, int64_t cols, int64_t index, void* values, int64_t* indices) {
  const T* HWY_RESTRICT p = static_cast<const T*>(x);
  T* HWY_RESTRICT best = static_cast<T*>(values);
  int64_t* HWY_RESTRICT at = indices;
  for (int64_t c = 0; c < cols; ++c) {
    const bool take = beats<T, kMax>(p[c], best[c]) | (at[c] < 0);
    best[c] = take ? p[c] : best[c];
    at[c] = take ? index : at[c];
  }
}

template <class T>
constexpr ExtremeLoops loops() {
  return {{row<T, false>, row<T, true>}, {step<T, false>, step<T, true>}};
}

}  // namespace

extern const ExtremeKernels extreme_kernels;
constinit const ExtremeKernels extreme_kernels = {
    {loops<float>(), loops<double>(), loops<int64_t>(), loops<uint64_t>()}};

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::cpu {
TENON_ISA_TABLE(ExtremeKernels, extreme_kernels)
}  // namespace tenon::cpu
#endif
