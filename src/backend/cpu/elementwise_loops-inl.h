// Loops over the formulas of the elementwise table: SIMD ones over Vec<T> and scalar ones over Lane<T>, which the
// compiler vectorises. Included after simd.h in each kernel file of the elementwise family.
#if defined(TENON_ELEMENTWISE_LOOPS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TENON_ELEMENTWISE_LOOPS_INL_H_
#undef TENON_ELEMENTWISE_LOOPS_INL_H_
#else
#define TENON_ELEMENTWISE_LOOPS_INL_H_
#endif

#include <array>
#include <utility>

#include "backend/cpu/elementwise_kernels.h"
#include "backend/cpu/simd_special-inl.h"
#include "backend/expr/convert.h"
#include "backend/expr/lane.h"
#include "backend/expr/line.h"

#if defined(__clang__)
#define TENON_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define TENON_INDEPENDENT _Pragma("GCC ivdep")
#endif

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {

using expr::Lane;

#ifdef TENON_FORMULA
#undef TENON_FORMULA
#endif
#define TENON_FORMULA HWY_INLINE
#include "backend/expr/calls-inl.h"

template <class F>
HWY_INLINE constexpr bool reads(int input) {
  return expr::info(F::id).reads >> input & 1;
}

// The element type that a result is stored as.
template <class T>
T stored_type(Vec<T>);
template <class T>
bool stored_type(Mask<T>);

template <class F, class T, bool kStream>
void simd_loop(const void* const* in, void* out, int64_t n, const double* params) {
  constexpr int kLanes = Vec<T>::lanes;
  using Out = decltype(stored_type(ResultOf<F, Vec<T>>()));
  Out* to = static_cast<Out*>(out);
  const T* from[F::inputs];
  for (int k = 0; k < F::inputs; ++k) from[k] = static_cast<const T*>(in[k]);
  Vec<T> v[F::inputs];
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int k = 0; k < F::inputs; ++k) {
      if (reads<F>(k)) v[k] = load(from[k] + i);
    }
    if constexpr (kStream)
      hn::Stream(apply<F>(v, params).raw, Tag<T>(), to + i);
    else
      store(apply<F>(v, params), to + i);
  }
  if (i < n) {
    for (int k = 0; k < F::inputs; ++k) {
      if (reads<F>(k)) v[k] = load_part(from[k] + i, static_cast<int>(n - i));
    }
    store_part(apply<F>(v, params), to + i, static_cast<int>(n - i));
  }
}

template <class F, class T, size_t... I>
HWY_INLINE auto lane_at(const std::array<const T*, F::inputs>& from, int64_t i, const double* params,
                        std::index_sequence<I...>) {
  const Lane<T> v[] = {Lane<T>(expr::stored<T>(from[I], i))...};
  return apply<F>(v, params).value;
}

template <class F, class T>
void lane_loop(const void* const* in, void* out, int64_t n, const double* params) {
  using Out = typename ResultOf<F, Lane<T>>::value_type;
  Out* to = static_cast<Out*>(out);
  std::array<const T*, F::inputs> from;
  for (int k = 0; k < F::inputs; ++k) from[k] = static_cast<const T*>(in[k]);
  TENON_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) to[i] = lane_at<F, T>(from, i, params, std::make_index_sequence<F::inputs>());
}

template <class F, class T>
constexpr LoopEntry simd_entry() {
  if constexpr ((F::dtypes & expr::FLOATS) != 0) {
    if constexpr (!std::is_same_v<ResultOf<F, Vec<T>>, expr::NoGradient>) {
      ElementwiseLoop* streaming = nullptr;
      if constexpr (is_bound_by_memory(F::id)) streaming = simd_loop<F, T, true>;
      return {F::id, dtype_v<T>, simd_loop<F, T, false>, streaming};
    }
  }
  return {F::id, dtype_v<T>, nullptr, nullptr};
}

template <class F, class T>
constexpr LoopEntry lane_entry() {
  constexpr unsigned kind = expr::is_complex_v<T> ? expr::COMPLEX : std::is_same_v<T, bool> ? expr::BITS : expr::INTS;
  if constexpr ((F::dtypes & kind) != 0) return {F::id, dtype_v<T>, lane_loop<F, T>, nullptr};
  return {F::id, dtype_v<T>, nullptr, nullptr};
}

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // TENON_ELEMENTWISE_LOOPS_INL_H_
