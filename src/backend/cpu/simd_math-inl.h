// The elementary functions over Vec<T>, to a few units in the last place for every argument, special ones included.
// A lane's result depends on that lane alone. Included after simd_value-inl.h.
//
// The polynomials are Chebyshev interpolants computed with 50 digits; the reductions are the textbook ones.
#if defined(TENON_SIMD_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TENON_SIMD_MATH_INL_H_
#undef TENON_SIMD_MATH_INL_H_
#else
#define TENON_SIMD_MATH_INL_H_
#endif

#include <cmath>
#include <limits>

#include "backend/cpu/simd_value-inl.h"
#include "backend/cpu/special_math.h"
#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {

// --- building blocks

// c0 + x * (c1 + x * (...)).
template <class T>
HWY_INLINE Vec<T> polynomial(Vec<T>, T c0) {
  return Vec<T>(c0);
}
template <class T, class... Rest>
HWY_INLINE Vec<T> polynomial(Vec<T> x, T c0, Rest... rest) {
  return fma(x, polynomial(x, rest...), Vec<T>(c0));
}

template <class T>
struct Format;
template <>
struct Format<float> {
  using Int = int32_t;
  static constexpr int mantissa_bits = 23;
  static constexpr int bias = 127;
  static constexpr float round_magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  static constexpr float ln2_high = 0.693145751953125f, ln2_low = 1.42860682030941723212e-6f;
};
template <>
struct Format<double> {
  using Int = int64_t;
  static constexpr int mantissa_bits = 52;
  static constexpr int bias = 1023;
  static constexpr double round_magic = 6755399441055744.0;  // 1.5 * 2^52
  static constexpr double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10;
};

template <class T>
using IntTag = hn::RebindToSigned<Tag<T>>;
template <class T>
HWY_INLINE auto bits_of(Vec<T> x) {
  return hn::BitCast(IntTag<T>(), x.raw);
}
template <class T, class I>
HWY_INLINE Vec<T> from_bits(I bits) {
  return Vec<T>(hn::BitCast(Tag<T>(), bits));
}

// The nearest integer to a * b, for results of at most a few thousand.
template <class T>
HWY_INLINE Vec<T> round_product(Vec<T> a, T b) {
  const Vec<T> magic(Format<T>::round_magic);
  return fma(a, Vec<T>(b), magic) - magic;
}

// 2^n for integral n in [-126, 128) (float) or [-1022, 1024) (double).
template <class T>
HWY_INLINE Vec<T> power_of_two(Vec<T> n) {
  const Vec<T> shifted = n + Vec<T>(Format<T>::round_magic + Format<T>::bias);
  return from_bits<T>(hn::ShiftLeft<Format<T>::mantissa_bits>(bits_of(shifted)));
}

// x * 2^n where 2^n itself may overflow or underflow.
template <class T>
HWY_INLINE Vec<T> scale(Vec<T> x, Vec<T> n) {
  const Vec<T> half = round_product(n, T(0.5));
  return x * power_of_two(half) * power_of_two(n - half);
}

// e^r - 1 for |r| <= ln(2) / 2.
template <class T>
HWY_INLINE Vec<T> expm1_reduced(Vec<T> r) {
  Vec<T> q;
  if constexpr (sizeof(T) == 4) {
    q = polynomial(r, 0.5f, 0.1666666716337204f, 0.041666463017463684f, 0.00833331048488617f, 0.0013933881418779492f,
                   0.00019891247211489826f);
  } else {
    q = polynomial(r, 0.5, 0.16666666666666669, 0.04166666666662324, 0.008333333333329994, 0.0013888888917654016,
                   0.00019841269863392214, 2.4801520613566223e-05, 2.7557267935231926e-06, 2.762041219449885e-07,
                   2.5100634461878497e-08);
  }
  return fma(r * r, q, r);
}

// x - n ln(2).
template <class T>
HWY_INLINE Vec<T> minus_ln2_times(Vec<T> x, Vec<T> n) {
  return fnma(n, Vec<T>(Format<T>::ln2_low), fnma(n, Vec<T>(Format<T>::ln2_high), x));
}

// e^(x + tail) * 2^shift, for x in the range of exp and a tail below x's last digits.
template <class T>
HWY_INLINE Vec<T> exp_scaled(Vec<T> x, Vec<T> tail, T shift) {
  const Vec<T> n = round_product(x + tail, T(1.4426950408889634));
  return scale(expm1_reduced(minus_ln2_times(x, n) + tail) + 1, n + shift);
}

// --- exponentials

template <class T>
HWY_INLINE Vec<T> exp(Vec<T> x) {
  // Beyond these the result is 0 or infinity.
  x = sizeof(T) == 4 ? clamp_constants(x, T(-104), T(89)) : clamp_constants(x, T(-746), T(710));
  const Vec<T> n = round_product(x, T(1.4426950408889634));
  return scale(expm1_reduced(minus_ln2_times(x, n)) + 1, n);
}

template <class T>
HWY_INLINE Vec<T> exp2(Vec<T> x) {
  x = sizeof(T) == 4 ? clamp_constants(x, T(-151), T(129)) : clamp_constants(x, T(-1076), T(1025));
  const Vec<T> n = round_product(x, T(1));
  return scale(expm1_reduced((x - n) * T(0.6931471805599453)) + 1, n);
}

template <class T>
HWY_INLINE Vec<T> expm1(Vec<T> x) {
  // Below the lower bound the result is -1 to the last digit.
  const Vec<T> clamped = sizeof(T) == 4 ? clamp_constants(x, T(-20), T(89)) : clamp_constants(x, T(-40), T(710));
  const Vec<T> n = round_product(clamped, T(1.4426950408889634));
  const Vec<T> p = expm1_reduced(minus_ln2_times(clamped, n));
  // Halved, so that the largest finite results do not overflow on the way.
  const Vec<T> half_scale = power_of_two(n - 1);
  const Vec<T> half = fma(half_scale, p, half_scale - T(0.5));
  return copysign(half + half, x);
}

template <class T>
HWY_INLINE Vec<T> sigmoid(Vec<T> x) {
  // The exponential of a negative number, so that results near zero keep their digits.
  const Vec<T> e = exp(-abs(x));
  return where(x < 0, e, Vec<T>(1)) / (1 + e);
}

// e^x / 2 for x >= 0.
template <class T>
HWY_INLINE Vec<T> half_exp(Vec<T> x) {
  x = clamp_constants(x, T(0), T(sizeof(T) == 4 ? 90 : 711));
  return exp_scaled(x, Vec<T>(), T(-1));
}

template <class T>
HWY_INLINE Vec<T> sinh(Vec<T> x) {
  const Vec<T> magnitude = abs(x);
  const Vec<T> t = expm1(where(magnitude < 1, magnitude, Vec<T>()));
  const Vec<T> h = half_exp(magnitude);
  return copysign(where(magnitude < 1, T(0.5) * (t + t / (t + 1)), h - T(0.25) / h), x);
}

template <class T>
HWY_INLINE Vec<T> cosh(Vec<T> x) {
  const Vec<T> h = half_exp(abs(x));
  return h + T(0.25) / h;
}

template <class T>
HWY_INLINE Vec<T> tanh(Vec<T> x) {
  // From the bound on the result is 1 to the last digit.
  const Vec<T> t = expm1(clamp_constants(2 * abs(x), T(0), T(44)));
  return copysign(t / (t + 2), x);
}

// --- logarithms

template <class T>
struct LogParts {
  Vec<T> exponent;
  Vec<T> high, low;  // log of the mantissa is high + low, |low| << |high|
};

// x = 2^exponent * m with m in [sqrt(1/2), sqrt(2)), for normal and denormal x > 0.
template <class T>
HWY_INLINE LogParts<T> log_parts(Vec<T> x) {
  const IntTag<T> di;
  using Int = typename Format<T>::Int;
  constexpr int kBits = Format<T>::mantissa_bits;
  constexpr Int kOne = Int{Format<T>::bias} << kBits;
  constexpr Int kSqrtHalf = sizeof(T) == 4 ? static_cast<Int>(0x3f3504f3) : static_cast<Int>(0x3fe6a09e667f3bcd);
  constexpr T kDenormalScale = sizeof(T) == 4 ? T(33554432.0) : T(18014398509481984.0);  // 2^25, 2^54

  const Mask<T> denormal = x < std::numeric_limits<T>::min();
  const Vec<T> normal = where(denormal, x * kDenormalScale, x);
  const auto shifted = hn::Add(bits_of(normal), hn::Set(di, kOne - kSqrtHalf));
  // The biased exponent as a number: placed in the mantissa of 2^23 or 2^52.
  const T power = static_cast<T>(Int{1} << kBits);
  const Vec<T> biased = from_bits<T>(hn::Or(hn::ShiftRight<kBits>(hn::BitCast(hn::RebindToUnsigned<Tag<T>>(), shifted)),
                                            hn::BitCast(hn::RebindToUnsigned<Tag<T>>(), Vec<T>(power).raw)));
  const Vec<T> offset =
      where(denormal, Vec<T>(power + Format<T>::bias + (sizeof(T) == 4 ? 25 : 54)), Vec<T>(power + Format<T>::bias));
  const auto mantissa = hn::And(shifted, hn::Set(di, (Int{1} << kBits) - 1));
  const Vec<T> f = from_bits<T>(hn::Add(mantissa, hn::Set(di, kSqrtHalf))) - 1;

  const Vec<T> s = f / (f + 2);
  const Vec<T> z = s * s;
  Vec<T> series;
  if constexpr (sizeof(T) == 4) {
    series = polynomial(z, 0.6666666865348816f, 0.4000012278556824f, 0.2855081558227539f, 0.23330582678318024f);
  } else {
    series = polynomial(z, 0.666666666666667, 0.39999999999899444, 0.2857142862600327, 0.22222211130259878,
                        0.18182889455674947, 0.15331710618210773, 0.14616585424888623);
  }
  const Vec<T> half_square = T(0.5) * f * f;
  return {biased - offset, f, s * (half_square + z * series) - half_square};
}

// `finite` for positive finite x, else what every logarithm gives.
template <class T>
HWY_INLINE Vec<T> log_special(Vec<T> x, Vec<T> finite) {
  const Vec<T> special = where(x == 0, Vec<T>(-HUGE_VAL), where(x > 0, x, Vec<T>(std::numeric_limits<T>::quiet_NaN())));
  return where((x > 0) & (x < HUGE_VAL), finite, special);
}

template <class T>
HWY_INLINE Vec<T> log(Vec<T> x) {
  const LogParts<T> p = log_parts(x);
  const Vec<T> low = fma(p.exponent, Vec<T>(Format<T>::ln2_low), p.low);
  return log_special(x, fma(p.exponent, Vec<T>(Format<T>::ln2_high), p.high + low));
}

template <class T>
HWY_INLINE Vec<T> log2(Vec<T> x) {
  const LogParts<T> p = log_parts(x);
  return log_special(x, fma(p.high + p.low, Vec<T>(1.4426950408889634), p.exponent));
}

template <class T>
HWY_INLINE Vec<T> log10(Vec<T> x) {
  const LogParts<T> p = log_parts(x);
  constexpr T kHigh = sizeof(T) == 4 ? T(0.301025390625) : T(3.01029995663611771306e-01);
  constexpr T kLow = sizeof(T) == 4 ? T(4.605038981195214e-06) : T(3.69423907715893078616e-13);
  const Vec<T> low = fma(p.exponent, Vec<T>(kLow), (p.high + p.low) * T(0.4342944819032518));
  return log_special(x, fma(p.exponent, Vec<T>(kHigh), low));
}

template <class T>
HWY_INLINE Vec<T> log1p(Vec<T> x) {
  const Vec<T> y = x + 1;
  // What the rounding of 1 + x lost, relative to it.
  const Vec<T> correction = where((y > 0) & (y < HUGE_VAL), (x - (y - 1)) / y, Vec<T>());
  return copysign(log(y) + correction, x);
}

template <class T>
HWY_INLINE Vec<T> asinh(Vec<T> x) {
  constexpr T kLarge = sizeof(T) == 4 ? T(1e9) : T(1e18);
  const Vec<T> magnitude = abs(x);
  const Mask<T> large = magnitude > kLarge;
  const Vec<T> bounded = where(large, Vec<T>(), magnitude);
  const Vec<T> square = bounded * bounded;
  const Vec<T> argument = where(large, magnitude, bounded + square / (1 + sqrt(square + 1)));
  return copysign(log1p(argument) + where(large, Vec<T>(0.6931471805599453), Vec<T>()), x);
}

template <class T>
HWY_INLINE Vec<T> acosh(Vec<T> x) {
  constexpr T kLarge = sizeof(T) == 4 ? T(1e9) : T(1e18);
  const Mask<T> large = x > kLarge;
  const Vec<T> t = x - 1;
  const Vec<T> bounded = where(large, Vec<T>(), t);
  const Vec<T> argument = where(large, x, t + sqrt(bounded * (bounded + 2)));
  const Vec<T> result = log1p(argument) + where(large, Vec<T>(0.6931471805599453), Vec<T>());
  return where(x < 1, Vec<T>(std::numeric_limits<T>::quiet_NaN()), result);
}

template <class T>
HWY_INLINE Vec<T> atanh(Vec<T> x) {
  const Vec<T> magnitude = abs(x);
  return copysign(T(0.5) * log1p(2 * magnitude / (1 - magnitude)), x + x) *
         where(magnitude > 1, Vec<T>(NAN), Vec<T>(1));
}

// --- trigonometric

template <class T>
struct SinCos {
  Vec<T> sin, cos;                       // of the remainder
  decltype(bits_of(Vec<T>())) quadrant;  // its low two bits
};

// Arguments beyond this go to the library's functions.
template <class T>
inline constexpr T kTrigLimit = sizeof(T) == 4 ? T(39000) : T(1e6);

template <class T>
HWY_INLINE SinCos<T> sin_cos(Vec<T> x) {
  const Vec<T> magic(Format<T>::round_magic);
  const Vec<T> shifted = fma(x, Vec<T>(0.6366197723675814), magic);
  const Vec<T> n = shifted - magic;
  // pi / 2 in parts so short that n times a part is exact.
  Vec<T> r = x;
  if constexpr (sizeof(T) == 4) {
    r = fnma(n, Vec<T>(1.5703125), r);
    r = fnma(n, Vec<T>(0.00048351287841796875), r);
    r = fnma(n, Vec<T>(3.13855707645416259765625e-7), r);
    r = fnma(n, Vec<T>(6.0771006282767103e-11), r);
  } else {
    r = fnma(n, Vec<T>(1.5707963109016418), r);
    r = fnma(n, Vec<T>(1.5893254712295857e-8), r);
    r = fnma(n, Vec<T>(6.1232339320535943e-17), r);
    r = fnma(n, Vec<T>(6.3683171635109499e-25), r);
  }
  const Vec<T> z = r * r;
  Vec<T> s, c;
  if constexpr (sizeof(T) == 4) {
    s = polynomial(z, -0.1666666716337204f, 0.008333331905305386f, -0.00019840082677546889f, 2.7249313916399842e-06f);
    c = polynomial(z, 0.0416666679084301f, -0.00138888880610466f, 2.480059629306197e-05f, -2.730044741383608e-07f);
  } else {
    s = polynomial(z, -0.16666666666666666, 0.008333333333333331, -0.00019841269841265017, 2.755731921930192e-06,
                   -2.5052106219521895e-08, 1.6058529572267877e-10, -7.586576588171073e-13);
    c = polynomial(z, 0.041666666666666664, -0.0013888888888887382, 2.480158729874307e-05, -2.7557317260008837e-07,
                   2.0876143827993133e-09, -1.1382456778061306e-11);
  }
  const Vec<T> half = T(0.5) * z;
  const Vec<T> top = 1 - half;
  // r itself where its square vanishes, which also keeps the sign of -0.
  return {where(z == 0, r, fma(r * z, s, r)), top + fma(z * z, c, (1 - top) - half), bits_of(shifted)};
}

// The sign bit from bit `kBit` of the quadrant.
template <int kBit, class T, class I>
HWY_INLINE Vec<T> quadrant_sign(Vec<T> v, I quadrant) {
  constexpr int kTop = sizeof(T) * 8 - 1;
  const auto sign = hn::And(hn::BitCast(Tag<T>(), hn::ShiftLeft<kTop - kBit>(quadrant)), hn::SignBit(Tag<T>()));
  return Vec<T>(hn::Xor(v.raw, sign));
}
// Whether the quadrant is odd.
template <class T, class I>
HWY_INLINE Mask<T> is_odd(I quadrant) {
  const IntTag<T> di;
  const auto low = hn::And(quadrant, hn::Set(di, 1));
  return {hn::RebindMask(Tag<T>(), hn::Ne(low, hn::Zero(di)))};
}
template <class T>
HWY_INLINE Mask<T> beyond_trig_limit(Vec<T> x) {
  return !(abs(x) <= kTrigLimit<T>);
}

template <class T>
HWY_INLINE Vec<T> sin(Vec<T> x) {
  const SinCos<T> p = sin_cos(x);
  const Vec<T> result = quadrant_sign<1>(where(is_odd<T>(p.quadrant), p.cos, p.sin), p.quadrant);
  return patch(beyond_trig_limit(x), result, x, [](T v) { return std::sin(v); });
}

template <class T>
HWY_INLINE Vec<T> cos(Vec<T> x) {
  const SinCos<T> p = sin_cos(x);
  const auto next = hn::Add(p.quadrant, hn::Set(IntTag<T>(), 1));
  const Vec<T> result = quadrant_sign<1>(where(is_odd<T>(p.quadrant), p.sin, p.cos), next);
  return patch(beyond_trig_limit(x), result, x, [](T v) { return std::cos(v); });
}

template <class T>
HWY_INLINE Vec<T> tan(Vec<T> x) {
  const SinCos<T> p = sin_cos(x);
  const Mask<T> odd = is_odd<T>(p.quadrant);
  const Vec<T> result = where(odd, -p.cos, p.sin) / where(odd, p.sin, p.cos);
  return patch(beyond_trig_limit(x), result, x, [](T v) { return std::tan(v); });
}

template <class T>
HWY_INLINE Vec<T> asin(Vec<T> x) {
  return Vec<T>(hn::Asin(Tag<T>(), x.raw));
}
template <class T>
HWY_INLINE Vec<T> acos(Vec<T> x) {
  return Vec<T>(hn::Acos(Tag<T>(), x.raw));
}
template <class T>
HWY_INLINE Vec<T> atan(Vec<T> x) {
  return Vec<T>(hn::Atan(Tag<T>(), x.raw));
}

template <class T>
HWY_INLINE Vec<T> atan2(Vec<T> y, Vec<T> x) {
  const Vec<T> rise = abs(y), run = abs(x);
  const Vec<T> high = maximum(rise, run), low = minimum(rise, run);
  // Equal infinities make the angle of equal sides; a zero over zero is no angle.
  const Vec<T> ratio = where(low == high, where(high == 0, Vec<T>(), Vec<T>(1)), low / high);
  Vec<T> angle = atan(ratio);
  angle = where(rise > run, T(1.5707963267948966) - angle, angle);
  angle = where(signbit(x), T(3.141592653589793) - angle, angle);
  return where(isnan(x) | isnan(y), x + y, copysign(angle, y));
}

// --- error function

// x without the last digits of its mantissa, so that the square is exact.
template <class T>
HWY_INLINE Vec<T> upper_digits(Vec<T> x) {
  using Int = typename Format<T>::Int;
  constexpr Int kUpper = sizeof(T) == 4 ? ~Int{0xfff} : ~Int{0x7ffffff};
  return from_bits<T>(hn::And(bits_of(x), hn::Set(IntTag<T>(), kUpper)));
}

// e^(-x^2): the square in two parts, since its rounding error would show in the result.
template <class T>
HWY_INLINE Vec<T> exp_minus_square(Vec<T> x) {
  const Vec<T> upper = upper_digits(x);
  return exp_scaled(-(upper * upper), -((x - upper) * (x + upper)), T(0));
}

// e^(x^2), in the same way.
template <class T>
HWY_INLINE Vec<T> exp_square(Vec<T> x) {
  // From the bound on the result is infinite.
  x = clamp_constants(x, T(-28), T(28));
  const Vec<T> upper = upper_digits(x);
  return exp_scaled(upper * upper, (x - upper) * (x + upper), T(0));
}

// erfc(x) for x >= 0.5: e^(-x^2) times a polynomial in (x - k) / (x + k).
template <class T>
HWY_INLINE Vec<T> erfc_tail(Vec<T> x) {
  // From the bound on the result is 0.
  x = clamp_constants(x, T(0.5), T(sizeof(T) == 4 ? 10.1 : 27.3));
  Vec<T> p;
  if constexpr (sizeof(T) == 4) {
    p = polynomial((x - 2) / (x + 2), 1.2769783735275269f, -0.09276378154754639f, -0.1660308986902237f,
                   0.16404934227466583f, -0.05421013757586479f, -0.008011153899133205f, 0.00865411851555109f,
                   0.0011650713859125972f, -0.0012585214572027326f, -0.000246739131398499f);
  } else {
    p = polynomial((x - 3) / (x + 3), 1.2530080582697296, -0.13562110612458084, -0.04756229435343384,
                   0.12964515870271817, -0.11927366341637591, 0.06830802734557402, -0.023770514892453878,
                   0.002529391787416037, 0.0018886900308933137, -0.0007798319787670749, -0.00010515741491655,
                   0.00012509749095168397, 4.9387975342434404e-06, -2.00929833045886e-05, -7.012462973163499e-07,
                   3.4525197016153044e-06, 3.0307407103093377e-07, -5.840747551910045e-07, -8.42551957399924e-08,
                   7.124245030572795e-08, 8.635681414307825e-09);
  }
  return exp_minus_square(x) * p / (2 * x + 1);
}

// erf(x) for |x| <= 1.
template <class T>
HWY_INLINE Vec<T> erf_center(Vec<T> x) {
  const Vec<T> z = x * x;
  Vec<T> p;
  if constexpr (sizeof(T) == 4) {
    p = polynomial(z, 0.12837916612625122f, -0.3761262595653534f, 0.11283594369888306f, -0.02685421146452427f,
                   0.005189087241888046f, -0.000801686430349946f, 7.875874871388078e-05f);
  } else {
    p = polynomial(z, 0.1283791670955126, -0.3761263890318375, 0.11283791670954879, -0.026866170645076792,
                   0.0052239776248180145, -0.000854832698083379, 0.0001205533111164271, -1.4925595266831182e-05,
                   1.6461000484121368e-06, -1.6350312701054695e-07, 1.4659775274047436e-08, -1.1372848856791674e-09,
                   5.957176147748911e-11);
  }
  return fma(x, p, x);
}

template <class T>
HWY_INLINE Vec<T> erf(Vec<T> x) {
  const Vec<T> magnitude = abs(x);
  return where(magnitude >= 1, copysign(1 - erfc_tail(magnitude), x), erf_center(x));
}

template <class T>
HWY_INLINE Vec<T> erfc(Vec<T> x) {
  const Vec<T> magnitude = abs(x);
  const Vec<T> tail = erfc_tail(magnitude);
  return where(magnitude >= T(0.5), where(x < 0, 2 - tail, tail), 1 - erf_center(x));
}

// --- powers

// f over the lanes converted to double and back; the result is then exact to float precision.
template <class F>
HWY_INLINE Vec<float> through_double(Vec<float> x, F f) {
  const hn::Half<Tag<float>> dh;
  const Tag<double> dd;
  const Vec<double> low = f(Vec<double>(hn::PromoteTo(dd, hn::LowerHalf(dh, x.raw))));
  const Vec<double> high = f(Vec<double>(hn::PromoteTo(dd, hn::UpperHalf(dh, x.raw))));
  return Vec<float>(hn::Combine(Tag<float>(), hn::DemoteTo(dh, high.raw), hn::DemoteTo(dh, low.raw)));
}
template <class F>
HWY_INLINE Vec<float> through_double(Vec<float> a, Vec<float> b, F f) {
  const hn::Half<Tag<float>> dh;
  const Tag<double> dd;
  const Vec<double> low = f(Vec<double>(hn::PromoteTo(dd, hn::LowerHalf(dh, a.raw))),
                            Vec<double>(hn::PromoteTo(dd, hn::LowerHalf(dh, b.raw))));
  const Vec<double> high = f(Vec<double>(hn::PromoteTo(dd, hn::UpperHalf(dh, a.raw))),
                             Vec<double>(hn::PromoteTo(dd, hn::UpperHalf(dh, b.raw))));
  return Vec<float>(hn::Combine(Tag<float>(), hn::DemoteTo(dh, high.raw), hn::DemoteTo(dh, low.raw)));
}

// a^b to about 1e-14, enough for float.
HWY_INLINE Vec<double> pow_coarse(Vec<double> a, Vec<double> b) {
  const Vec<double> magnitude = abs(a);
  const Vec<double> whole = trunc(b);
  const Mask<double> integral = b == whole;
  const Mask<double> odd = integral & (2 * trunc(0.5 * whole) != whole);
  Vec<double> result = exp(b * log(magnitude));
  result = where(odd, copysign(result, a), result);
  result = where((a < 0) & !integral & isfinite(a), Vec<double>(NAN), result);
  // 1 to any power, and anything to the power 0, NaN included.
  return where((b == 0) | (a == 1) | ((a == -1) & isinf(b)), Vec<double>(1), result);
}

HWY_INLINE Vec<float> pow(Vec<float> a, Vec<float> b) {
  return through_double(a, b, [](Vec<double> x, Vec<double> y) HWY_ATTR { return pow_coarse(x, y); });
}
HWY_INLINE Vec<double> pow(Vec<double> a, Vec<double> b) {
  return lanewise(a, b, [](double x, double y) { return std::pow(x, y); });
}

HWY_INLINE Vec<float> hypot(Vec<float> a, Vec<float> b) {
  const Vec<float> length =
      through_double(a, b, [](Vec<double> x, Vec<double> y) HWY_ATTR { return sqrt(x * x + y * y); });
  return where(isinf(a) | isinf(b), Vec<float>(HUGE_VAL), length);
}
HWY_INLINE Vec<double> hypot(Vec<double> a, Vec<double> b) {
  return lanewise(a, b, [](double x, double y) { return std::hypot(x, y); });
}

// --- division with a rounded quotient

template <class T>
HWY_INLINE Vec<T> trunc_div(Vec<T> a, Vec<T> b) {
  return trunc(a / b);
}
template <class T>
HWY_INLINE Vec<T> floor_div(Vec<T> a, Vec<T> b) {
  return lanewise(a, b, [](T x, T y) { return floor_divide(x, y); });
}
template <class T>
HWY_INLINE Vec<T> remainder(Vec<T> a, Vec<T> b) {
  return lanewise(a, b, [](T x, T y) { return python_remainder(x, y); });
}
template <class T>
HWY_INLINE Vec<T> fmod(Vec<T> a, Vec<T> b) {
  return lanewise(a, b, [](T x, T y) { return std::fmod(x, y); });
}

// --- functions without a vector form

template <class T>
HWY_INLINE Vec<T> nextafter(Vec<T> a, Vec<T> b) {
  return lanewise(a, b, [](T x, T y) { return std::nextafter(x, y); });
}

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // TENON_SIMD_MATH_INL_H_
