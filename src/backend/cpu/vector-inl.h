// Small vector tools that the row kernels share: tails, reductions of lanes, NaN-propagating extremes, exp and log.
// Included after simd.h, once for each instruction set; depends on Highway alone.
#if defined(TENON_CPU_VECTOR_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef TENON_CPU_VECTOR_INL_H
#undef TENON_CPU_VECTOR_INL_H
#else
#define TENON_CPU_VECTOR_INL_H
#endif

#include <cstdint>
#include <cstring>
#include <limits>

#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

template <class T>
using VecOf = hn::Vec<hn::ScalableTag<T>>;

// The first `count` (fewer than all) lanes from p, the others `rest`; reads nothing beyond them.
template <class T>
HWY_INLINE VecOf<T> load_tail(const T* p, size_t count, VecOf<T> rest) {
  const hn::ScalableTag<T> d;
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
  const auto mask = hn::FirstN(d, count);
  return hn::IfThenElse(mask, hn::MaskedLoad(mask, d, p), rest);
#else
  HWY_ALIGN T lanes[hn::MaxLanes(d)];
  hn::Store(rest, d, lanes);
  std::memcpy(lanes, p, count * sizeof(T));
  return hn::Load(d, lanes);
#endif
}

// Writes the first `count` lanes.
template <class T>
HWY_INLINE void store_tail(VecOf<T> v, T* p, size_t count) {
  const hn::ScalableTag<T> d;
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
  hn::BlendedStore(v, hn::FirstN(d, count), d, p);
#else
  HWY_ALIGN T lanes[hn::MaxLanes(d)];
  hn::Store(v, d, lanes);
  std::memcpy(p, lanes, count * sizeof(T));
#endif
}

// Calls full(i) for each whole vector of [0, n), then tail(i, count) for what is left.
template <class T, class Full, class Tail>
HWY_INLINE void for_vectors(int64_t n, const Full& full, const Tail& tail) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(hn::ScalableTag<T>()));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) full(i);
  if (i < n) tail(i, static_cast<size_t>(n - i));
}

struct AddOp {
  template <class T>
  static constexpr T identity() {
    return T(0);
  }
  template <class V>
  HWY_INLINE V vector(V a, V b) const {
    return hn::Add(a, b);
  }
  template <class T>
  T scalar(T a, T b) const {
    if constexpr (std::is_integral_v<T>) return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
    else return a + b;
  }
};

struct MulOp {
  template <class T>
  static constexpr T identity() {
    return T(1);
  }
  template <class V>
  HWY_INLINE V vector(V a, V b) const {
    return hn::Mul(a, b);
  }
  template <class T>
  T scalar(T a, T b) const {
    if constexpr (std::is_integral_v<T>) return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
    else return a * b;
  }
};

// The larger; NaN when either is.
struct MaxOp {
  template <class T>
  static constexpr T identity() {
    if constexpr (std::is_integral_v<T>) return std::numeric_limits<T>::lowest();
    else return -std::numeric_limits<T>::infinity();
  }
  template <class V>
  HWY_INLINE V vector(V a, V b) const {
    return hn::IfThenElse(hn::Or(hn::Gt(a, b), hn::IsNaN(a)), a, b);
  }
  template <class T>
  T scalar(T a, T b) const {
    return (a > b) | (a != a) ? a : b;
  }
};

// The smaller; NaN when either is.
struct MinOp {
  template <class T>
  static constexpr T identity() {
    if constexpr (std::is_integral_v<T>) return std::numeric_limits<T>::max();
    else return std::numeric_limits<T>::infinity();
  }
  template <class V>
  HWY_INLINE V vector(V a, V b) const {
    return hn::IfThenElse(hn::Or(hn::Lt(a, b), hn::IsNaN(a)), a, b);
  }
  template <class T>
  T scalar(T a, T b) const {
    return (a < b) | (a != a) ? a : b;
  }
};

// The lanes of v combined in a fixed order.
template <class T, class Op>
HWY_INLINE T reduce_lanes(VecOf<T> v, Op op) {
  const hn::ScalableTag<T> d;
  if constexpr (std::is_same_v<Op, AddOp>) {
    return hn::GetLane(hn::SumOfLanes(d, v));
  } else {
    HWY_ALIGN T lanes[hn::MaxLanes(d)];
    hn::Store(v, d, lanes);
    for (size_t width = hn::Lanes(d) / 2; width > 0; width /= 2) {
      for (size_t i = 0; i < width; ++i) lanes[i] = op.scalar(lanes[i], lanes[i + width]);
    }
    return lanes[0];
  }
}

// Combines map(x) for the vectors of [0, n): map(i) loads a whole one, map_tail(i, count) one filled up with the
// identity. Eight accumulators hide latency and keep rounding errors apart.
template <class T, class Op, class Map, class MapTail>
HWY_INLINE T reduce_vectors(int64_t n, Op op, const Map& map, const MapTail& map_tail) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  VecOf<T> a0 = hn::Set(d, Op::template identity<T>());
  int64_t i = 0;
  if (n >= 8 * lanes) {
    VecOf<T> a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;
    for (; i + 8 * lanes <= n; i += 8 * lanes) {
      a0 = op.vector(a0, map(i));
      a1 = op.vector(a1, map(i + lanes));
      a2 = op.vector(a2, map(i + 2 * lanes));
      a3 = op.vector(a3, map(i + 3 * lanes));
      a4 = op.vector(a4, map(i + 4 * lanes));
      a5 = op.vector(a5, map(i + 5 * lanes));
      a6 = op.vector(a6, map(i + 6 * lanes));
      a7 = op.vector(a7, map(i + 7 * lanes));
    }
    a0 = op.vector(op.vector(op.vector(a0, a1), op.vector(a2, a3)), op.vector(op.vector(a4, a5), op.vector(a6, a7)));
  }
  for (; i + lanes <= n; i += lanes) a0 = op.vector(a0, map(i));
  if (i < n) a0 = op.vector(a0, map_tail(i, static_cast<size_t>(n - i)));
  return reduce_lanes<T>(a0, op);
}

// Combines x[0, n).
template <class T, class Op>
HWY_INLINE T reduce_row(const T* x, int64_t n, Op op) {
  const hn::ScalableTag<T> d;
  return reduce_vectors<T>(
      n, op, [&](int64_t i) HWY_ATTR { return hn::LoadU(d, x + i); },
      [&](int64_t i, size_t count) HWY_ATTR {
        return load_tail(x + i, count, hn::Set(d, Op::template identity<T>()));
      });
}

// y[i] = map(x[i]) for a row.
template <class T, class Map>
HWY_INLINE void map_row(const T* x, T* y, int64_t n, const Map& map) {
  const hn::ScalableTag<T> d;
  for_vectors<T>(
      n, [&](int64_t i) HWY_ATTR { hn::StoreU(map(hn::LoadU(d, x + i)), d, y + i); },
      [&](int64_t i, size_t count) HWY_ATTR { store_tail(map(load_tail(x + i, count, hn::Zero(d))), y + i, count); });
}

template <class V>
HWY_INLINE V exp_of(V x) {
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Exp(hn::DFromV<V>(), x));
}

}  // namespace
}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
