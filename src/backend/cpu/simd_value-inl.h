// Vec<T>: a SIMD vector of floats or doubles as a value type of the elementwise formulas, with loads, stores and the
// primitives that need no approximation; simd_math-inl.h adds exp, sin and their kin. Included after simd.h.
#if defined(TENON_SIMD_VALUE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TENON_SIMD_VALUE_INL_H_
#undef TENON_SIMD_VALUE_INL_H_
#else
#define TENON_SIMD_VALUE_INL_H_
#endif

#include <cmath>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <type_traits>

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class T>
using Tag = hn::ScalableTag<T>;

template <class T>
struct Mask {
  decltype(hn::Eq(hn::Zero(Tag<T>()), hn::Zero(Tag<T>()))) raw;

  friend HWY_INLINE Mask operator&(Mask a, Mask b) { return {hn::And(a.raw, b.raw)}; }
  friend HWY_INLINE Mask operator|(Mask a, Mask b) { return {hn::Or(a.raw, b.raw)}; }
  friend HWY_INLINE Mask operator^(Mask a, Mask b) { return {hn::Xor(a.raw, b.raw)}; }
  friend HWY_INLINE Mask operator!(Mask a) { return {hn::Not(a.raw)}; }
};

template <class T>
struct Vec {
  using value_type = T;
  static constexpr int lanes = HWY_LANES(T);

  hn::VFromD<Tag<T>> raw;

  HWY_INLINE Vec() : raw(hn::Zero(Tag<T>())) {}
  HWY_INLINE explicit Vec(hn::VFromD<Tag<T>> v) : raw(v) {}
  template <class C>
  requires std::is_arithmetic_v<C> HWY_INLINE Vec(C constant) : raw(hn::Set(Tag<T>(), static_cast<T>(constant))) {}

  friend HWY_INLINE Vec operator+(Vec a, Vec b) { return Vec(hn::Add(a.raw, b.raw)); }
  friend HWY_INLINE Vec operator-(Vec a, Vec b) { return Vec(hn::Sub(a.raw, b.raw)); }
  friend HWY_INLINE Vec operator*(Vec a, Vec b) { return Vec(hn::Mul(a.raw, b.raw)); }
  friend HWY_INLINE Vec operator/(Vec a, Vec b) { return Vec(hn::Div(a.raw, b.raw)); }
  friend HWY_INLINE Vec operator-(Vec a) { return Vec(hn::Neg(a.raw)); }
  friend HWY_INLINE Mask<T> operator==(Vec a, Vec b) { return {hn::Eq(a.raw, b.raw)}; }
  // True where either is NaN, which not every target's Ne is.
  friend HWY_INLINE Mask<T> operator!=(Vec a, Vec b) { return {hn::Not(hn::Eq(a.raw, b.raw))}; }
  friend HWY_INLINE Mask<T> operator<(Vec a, Vec b) { return {hn::Lt(a.raw, b.raw)}; }
  friend HWY_INLINE Mask<T> operator<=(Vec a, Vec b) { return {hn::Le(a.raw, b.raw)}; }
  friend HWY_INLINE Mask<T> operator>(Vec a, Vec b) { return {hn::Gt(a.raw, b.raw)}; }
  friend HWY_INLINE Mask<T> operator>=(Vec a, Vec b) { return {hn::Ge(a.raw, b.raw)}; }
};

// --- memory

template <class T>
HWY_INLINE Vec<T> load(const T* from) {
  return Vec<T>(hn::LoadU(Tag<T>(), from));
}
template <class T>
HWY_INLINE void store(Vec<T> v, T* to) {
  hn::StoreU(v.raw, Tag<T>(), to);
}
// Partial vectors, 0 < n < lanes. Lanes that are not loaded are zero.
template <class T>
HWY_INLINE Vec<T> load_part(const T* from, int n) {
#if HWY_MEM_OPS_MIGHT_FAULT
  alignas(64) T whole[Vec<T>::lanes] = {};
  std::memcpy(whole, from, n * sizeof(T));
  return load(whole);
#else
  return Vec<T>(hn::MaskedLoad(hn::FirstN(Tag<T>(), n), Tag<T>(), from));
#endif
}
template <class T>
HWY_INLINE void store_part(Vec<T> v, T* to, int n) {
#if HWY_MEM_OPS_MIGHT_FAULT
  alignas(64) T whole[Vec<T>::lanes];
  store(v, whole);
  std::memcpy(to, whole, n * sizeof(T));
#else
  hn::BlendedStore(v.raw, hn::FirstN(Tag<T>(), n), Tag<T>(), to);
#endif
}

// One bool per lane, 0 or 1.
template <class T>
HWY_INLINE void store(Mask<T> m, bool* to) {
  alignas(8) uint8_t bits[8];
  hn::StoreMaskBits(Tag<T>(), m.raw, bits);
  for (int i = 0; i < Vec<T>::lanes; i += 8) {
    // Copies the bits to eight bytes, keeps bit k in byte k and moves it to the bottom.
    uint64_t spread = (bits[i / 8] * 0x0101010101010101u) & 0x8040201008040201u;
    spread = ((spread + 0x7f7f7f7f7f7f7f7fu) >> 7) & 0x0101010101010101u;
    std::memcpy(to + i, &spread, HWY_MIN(8, Vec<T>::lanes));
  }
}
template <class T>
HWY_INLINE void store_part(Mask<T> m, bool* to, int n) {
  bool whole[HWY_MAX(8, Vec<T>::lanes)];
  store(m, whole);
  std::memcpy(to, whole, n);
}

// --- primitives without approximation

template <class T>
HWY_INLINE Vec<T> where(Mask<T> m, Vec<T> yes, Vec<T> no) {
  return Vec<T>(hn::IfThenElse(m.raw, yes.raw, no.raw));
}
template <class T>
HWY_INLINE Vec<T> zeros_like(Vec<T>) {
  return Vec<T>();
}
template <class T>
HWY_INLINE bool none(Mask<T> m) {
  return hn::AllFalse(Tag<T>(), m.raw);
}
// a * b + c, rounded once where the target has it.
template <class T>
HWY_INLINE Vec<T> fma(Vec<T> a, Vec<T> b, Vec<T> c) {
  return Vec<T>(hn::MulAdd(a.raw, b.raw, c.raw));
}
// The same where a target without it may round twice: the name that formulas over plain doubles share.
template <class T>
HWY_INLINE Vec<T> multiply_add(Vec<T> a, Vec<T> b, Vec<T> c) {
  return fma(a, b, c);
}
// c - a * b.
template <class T>
HWY_INLINE Vec<T> fnma(Vec<T> a, Vec<T> b, Vec<T> c) {
  return Vec<T>(hn::NegMulAdd(a.raw, b.raw, c.raw));
}
template <class T>
HWY_INLINE Vec<T> abs(Vec<T> x) {
  return Vec<T>(hn::Abs(x.raw));
}
template <class T>
HWY_INLINE Vec<T> copysign(Vec<T> magnitude, Vec<T> sign) {
  return Vec<T>(hn::CopySign(magnitude.raw, sign.raw));
}
template <class T>
HWY_INLINE Vec<T> floor(Vec<T> x) {
  return Vec<T>(hn::Floor(x.raw));
}
template <class T>
HWY_INLINE Vec<T> ceil(Vec<T> x) {
  return Vec<T>(hn::Ceil(x.raw));
}
template <class T>
HWY_INLINE Vec<T> trunc(Vec<T> x) {
  return Vec<T>(hn::Trunc(x.raw));
}
template <class T>
HWY_INLINE Vec<T> round(Vec<T> x) {
  return Vec<T>(hn::Round(x.raw));
}
template <class T>
HWY_INLINE Vec<T> sqrt(Vec<T> x) {
  return Vec<T>(hn::Sqrt(x.raw));
}
template <class T>
HWY_INLINE Vec<T> conj(Vec<T> x) {
  return x;
}
template <class T>
HWY_INLINE Vec<T> real(Vec<T> x) {
  return x;
}
template <class T>
HWY_INLINE Mask<T> isnan(Vec<T> x) {
  return x != x;
}
template <class T>
HWY_INLINE Mask<T> isinf(Vec<T> x) {
  return abs(x) == Vec<T>(HUGE_VAL);
}
template <class T>
HWY_INLINE Mask<T> isfinite(Vec<T> x) {
  return abs(x) < Vec<T>(HUGE_VAL);
}
template <class T>
HWY_INLINE Mask<T> isposinf(Vec<T> x) {
  return x == Vec<T>(HUGE_VAL);
}
template <class T>
HWY_INLINE Mask<T> isneginf(Vec<T> x) {
  return x == Vec<T>(-HUGE_VAL);
}
template <class T>
HWY_INLINE Mask<T> signbit(Vec<T> x) {
  const hn::RebindToSigned<Tag<T>> di;
  return {hn::RebindMask(Tag<T>(), hn::Lt(hn::BitCast(di, x.raw), hn::Zero(di)))};
}
// 0 for NaN.
template <class T>
HWY_INLINE Vec<T> sign(Vec<T> x) {
  return where(x == 0, x, copysign(where(isnan(x), Vec<T>(), Vec<T>(1)), x)) + Vec<T>();
}
template <class T>
HWY_INLINE Vec<T> sgn(Vec<T> x) {
  return sign(x);
}
// Real numbers only: the sign does not change.
template <class T>
HWY_INLINE Vec<T> sgn_grad(Vec<T> g, Vec<T>, Vec<T>) {
  return zeros_like(g);
}
// NaN where either is. The instruction returns its second operand where one is NaN.
template <class T>
HWY_INLINE Vec<T> maximum(Vec<T> a, Vec<T> b) {
  return where(isnan(a), a, Vec<T>(hn::Max(a.raw, b.raw)));
}
template <class T>
HWY_INLINE Vec<T> minimum(Vec<T> a, Vec<T> b) {
  return where(isnan(a), a, Vec<T>(hn::Min(a.raw, b.raw)));
}
// x kept between constants; NaN stays.
template <class T>
HWY_INLINE Vec<T> clamp_constants(Vec<T> x, T low, T high) {
  return Vec<T>(hn::Min(Vec<T>(high).raw, hn::Max(Vec<T>(low).raw, x.raw)));
}

// --- lane by lane

// f of every lane, or of pairs of lanes, for functions that have no vector form.
template <class T, class F>
HWY_INLINE Vec<T> lanewise(Vec<T> x, F f) {
  alignas(64) T lanes[Vec<T>::lanes];
  store(x, lanes);
  for (T& lane : lanes) lane = static_cast<T>(f(lane));
  return load(lanes);
}
template <class T, class F>
HWY_INLINE Vec<T> lanewise(Vec<T> a, Vec<T> b, F f) {
  alignas(64) T left[Vec<T>::lanes], right[Vec<T>::lanes];
  store(a, left);
  store(b, right);
  for (int i = 0; i < Vec<T>::lanes; ++i) left[i] = static_cast<T>(f(left[i], right[i]));
  return load(left);
}
// y with f(x) in the lanes of m: other lanes keep their value, so that a result depends on its own lane alone.
template <class T, class F>
HWY_INLINE Vec<T> patch(Mask<T> m, Vec<T> y, Vec<T> x, F f) {
  if (HWY_LIKELY(none(m))) return y;
  alignas(64) T lanes[Vec<T>::lanes], results[Vec<T>::lanes];
  alignas(8) uint8_t bits[8] = {};
  store(x, lanes);
  store(y, results);
  hn::StoreMaskBits(Tag<T>(), m.raw, bits);
  for (int i = 0; i < Vec<T>::lanes; ++i) {
    if (bits[i / 8] >> (i % 8) & 1) results[i] = static_cast<T>(f(lanes[i]));
  }
  return load(results);
}
template <class T, class F>
HWY_INLINE Vec<T> patch(Mask<T> m, Vec<T> y, Vec<T> a, Vec<T> b, F f) {
  if (HWY_LIKELY(none(m))) return y;
  return where(m, lanewise(a, b, f), y);
}

// yes() in the lanes of m, no() in the others; only what some lane needs is computed.
template <class T, class Yes, class No>
HWY_INLINE Vec<T> piecewise(Mask<T> m, const Yes& yes, const No& no) {
  if (none(m)) return no();
  if (none(!m)) return yes();
  return where(m, yes(), no());
}

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // TENON_SIMD_VALUE_INL_H_
