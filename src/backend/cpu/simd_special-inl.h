// The special functions over Vec<T>: vectors of doubles, also for floats, whose results are then exact to their
// precision. A lane's result depends on that lane alone. Included after simd_math-inl.h.
//
// The series were computed with 40 digits, those of series-inl.h too.
#if defined(TENON_SIMD_SPECIAL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TENON_SIMD_SPECIAL_INL_H_
#undef TENON_SIMD_SPECIAL_INL_H_
#else
#define TENON_SIMD_SPECIAL_INL_H_
#endif

#include <cmath>
#include <limits>

#include "backend/cpu/simd_math-inl.h"
#include "backend/cpu/special_math.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace series {

#ifdef TENON_FORMULA
#undef TENON_FORMULA
#endif
#define TENON_FORMULA HWY_INLINE
#define TENON_PIECE HWY_ATTR
#include "backend/expr/series-inl.h"
#undef TENON_FORMULA
#undef TENON_PIECE

// --- Bessel functions: by x^2 up to 8, by modulus and phase in 64 / x^2 beyond

constexpr double kTwoOverPi = 0.6366197723675814;

// A function of x^2 for 0 <= x <= 8: by a Chebyshev series, which loses digits near zero, where the power series keeps
// those of a double.
template <class Result, size_t kShort, size_t N, size_t M>
HWY_INLINE Vec<double> even_function(const double (&powers)[M], const double (&c)[N], Vec<double> x) {
  const Vec<double> square = x * x;
  const auto wide = [&]() HWY_ATTR { return chebyshev<Result, kShort>(c, 0.03125 * square - 1); };
  if constexpr (sizeof(Result) == 4) return wide();
  return piecewise(
      square <= 9, [&]() HWY_ATTR { return power_series(powers, square); }, wide);
}

// The sine and the cosine of x - pi/4, times sqrt(2).
struct Turned {
  Vec<double> sin, cos;
};
HWY_INLINE Turned turned(Vec<double> x) {
  const SinCos<double> p = sin_cos(x);
  const auto odd = is_odd<double>(p.quadrant);
  const auto next = hn::Add(p.quadrant, hn::Set(IntTag<double>(), 1));
  const Vec<double> s = quadrant_sign<1>(where(odd, p.cos, p.sin), p.quadrant);
  const Vec<double> c = quadrant_sign<1>(where(odd, p.sin, p.cos), next);
  return {s - c, s + c};
}

template <class Result>
HWY_INLINE Vec<double> j0_small(Vec<double> x) {
  constexpr double kJ0Powers[] = {1.0,
                                  -0.25,
                                  0.015625,
                                  -4.3402777777777778e-4,
                                  6.7816840277777778e-6,
                                  -6.7816840277777778e-8,
                                  4.7095027970679012e-10,
                                  -2.4028075495244394e-12,
                                  9.3859669903298414e-15,
                                  -2.8969033920771116e-17,
                                  7.2422584801927789e-20,
                                  -1.4963343967340452e-22,
                                  2.5978027721077174e-25,
                                  -3.8429035090350849e-28,
                                  4.9016626390753634e-31,
                                  -5.4462918211948482e-34};
  constexpr double kJ0[] = {0.15772797147489012,     -0.0087234423528522213,  0.26517861320333681,
                            -0.37009499387264978,    0.15806710233209726,     -0.034893769411408885,
                            0.0048191800694676045,   -4.6062616620627505e-4,  3.2460328821005081e-5,
                            -1.7619469077621507e-6,  7.6081635924187819e-8,   -2.6792535305576729e-9,
                            7.8486963144794644e-11,  -1.9438346867370166e-12, 4.1253205956343739e-14,
                            -7.5885081254475463e-16, 1.2218515873961411e-17};
  return even_function<Result, 13>(kJ0Powers, kJ0, x);
}
template <class Result>
HWY_INLINE Vec<double> j1_small(Vec<double> x) {
  constexpr double kJ1Powers[] = {0.5,
                                  -0.0625,
                                  0.0026041666666666667,
                                  -5.4253472222222222e-5,
                                  6.7816840277777778e-7,
                                  -5.6514033564814815e-9,
                                  3.3639305693342152e-11,
                                  -1.5017547184527746e-13,
                                  5.2144261057388008e-16,
                                  -1.4484516960385558e-18,
                                  3.2919356728148995e-21,
                                  -6.2347266530585218e-24,
                                  9.9915491234912208e-27,
                                  -1.3724655389411018e-29,
                                  1.6338875463584545e-32};
  constexpr double kJ1[] = {
      0.081044846325658115,   -0.14897514506765211,    0.1609992623572097,     -0.082680491766817907,
      0.022213639654966035,   -0.003646940600769276,   4.0503377283548218e-4,  -3.2555548668572585e-5,
      1.9858774049915167e-6,  -9.5219847567504362e-8,  3.6871337590971482e-9,  -1.1780266226958848e-10,
      3.1601545803480033e-12, -7.2217552396517734e-14, 1.4232144003513942e-15, -2.4441972916190464e-17};
  return x * even_function<Result, 12>(kJ1Powers, kJ1, x);
}
template <class Result>
HWY_INLINE Vec<double> y0_small(Vec<double> x) {
  constexpr double kY0Powers[] = {
      -0.073804295108687225,  0.17760601686906714,    -0.016073968025938426,   5.3860266686165496e-4,
      -9.4950052052215465e-6, 1.0358476033628097e-7,  -7.6930799009029319e-10, 4.1435657365127098e-12,
      -1.693271517935695e-14, 5.4310606578547998e-17, -1.4038708139145751e-19, 2.9871591749754089e-22,
      -5.323857951785231e-25, 8.0637193881023089e-28, -1.0508248887626168e-30, 1.1906979901326174e-33};
  constexpr double kY0[] = {-0.033146113203284942,   -0.27447430552974527,   0.17903431407718266,
                            0.26156734625504664,     -0.17730201278114358,   0.047196689595763387,
                            -0.0072879624795520792,  7.5311359325777423e-4,  -5.632079141056987e-5,
                            3.206532537654801e-6,    -1.4407233274018699e-7, 5.2487947873305161e-9,
                            -1.5837552541812015e-10, 4.0263308183061208e-12, -8.7473412033107696e-14,
                            1.6434898714919469e-15,  -2.6977881152566836e-17};
  return even_function<Result, 13>(kY0Powers, kY0, x) + kTwoOverPi * log(x) * j0_small<Result>(x);
}
template <class Result>
HWY_INLINE Vec<double> y1_small(Vec<double> x) {
  constexpr double kY1Powers[] = {-0.19605709064623895,    0.054348688160510244,    -0.0029553053360798337,
                                  7.1642687499739621e-5,   -9.9267406194248216e-7,  8.9318796212201327e-9,
                                  -5.6480245515956582e-11, 2.6494815070087778e-13,  -9.5914865863351391e-16,
                                  2.761635978378275e-18,   -6.4764905786424386e-21, 1.2611877823341046e-23,
                                  -2.0721023573350754e-26, 2.9111047350002187e-29,  -3.5374217998032875e-32};
  constexpr double kY1[] = {
      0.0025380132357417817,   -0.01608717304766875,  -0.095912045360830742,   0.084451972596523458,
      -0.028328123944594366,   0.005289897544167113,  -6.414551451326356e-4,   5.5059828733387438e-5,
      -3.5380800186893499e-6,  1.7707804556154403e-7, -7.1105500498992798e-9,  2.3443379059115164e-10,
      -6.4651518414115942e-12, 1.51429151205002e-13,  -3.0511859694473253e-15, 5.3466803857286701e-17};
  const Vec<double> y =
      x * even_function<Result, 12>(kY1Powers, kY1, x) + kTwoOverPi * (log(x) * j1_small<Result>(x) - 1 / x);
  return where(x == 0, Vec<double>(-kInf), y);
}

// The two factors of the large forms of order 0 and 1.
struct Modulus {
  Vec<double> p, q;
};
template <class Result>
HWY_INLINE Modulus modulus0(Vec<double> x) {
  constexpr double kP0[] = {0.99946034934751867,     -5.3652204681321174e-4,  3.0751847875194746e-6,
                            -5.1705945376060977e-8,  1.6306464635151383e-9,   -7.86409137723707e-11,
                            5.1682623873491925e-12,  -4.3045788699253912e-13, 4.3265957431549406e-14,
                            -5.0690340959352361e-15, 6.7480722157338737e-16,  -1.0011513723467786e-16,
                            1.6305919233744185e-17};
  constexpr double kQ0[] = {
      -0.12444683684269607,    5.4708159540893197e-4,  -5.9315987288485178e-6,  1.4377965798375193e-7,
      -5.817532749493056e-9,   3.3760975237349908e-10, -2.5653979367973078e-11, 2.404916100281365e-12,
      -2.6690625482579416e-13, 3.4041800321963689e-14, -4.87994410531204e-15,   7.7297031762426054e-16,
      -1.3348852171502517e-16, 2.4865952389390515e-17, -4.9528926298865159e-18, 1.0473158973776096e-18};
  const Vec<double> t = 128 / (x * x) - 1;
  return {chebyshev<Result, 5>(kP0, t), chebyshev<Result, 7>(kQ0, t) / x};
}
template <class Result>
HWY_INLINE Modulus modulus1(Vec<double> x) {
  constexpr double kP1[] = {1.0009030408600137,      8.9898983308594086e-4,   -3.9872843004889085e-6,
                            6.1776339606442985e-8,   -1.8718907491063066e-9,  8.8168986595823389e-11,
                            -5.7048636403956447e-12, 4.6991955152305424e-13,  -4.6842237839904892e-14,
                            5.4526748960447172e-15,  -7.2211808422740179e-16, 1.0667689114335412e-16,
                            -1.7312313216116335e-17};
  constexpr double kQ1[] = {0.3742222965562826,      -7.7021788393256635e-4,  7.3108922063643633e-6,
                            -1.6767825107266738e-7,  6.5833546621204433e-9,   -3.7490909505415562e-10,
                            2.8121750359748865e-11,  -2.6114525394623199e-12, 2.8774212663332234e-13,
                            -3.6490019160618378e-14, 5.2066263662267072e-15,  -8.2153180254585943e-16,
                            1.4141084390211833e-16,  -2.6267615898385292e-17, 5.2192649196714082e-18};
  const Vec<double> t = 128 / (x * x) - 1;
  return {chebyshev<Result, 5>(kP1, t), chebyshev<Result, 6>(kQ1, t) / x};
}

template <class Result>
HWY_INLINE Vec<double> bessel_j0(Vec<double> x) {
  const Vec<double> size = abs(x);
  const Vec<double> y = piecewise(
      size <= 8, [&]() HWY_ATTR { return j0_small<Result>(size); },
      [&]() HWY_ATTR {
        const Modulus m = modulus0<Result>(size);
        const Turned t = turned(size);
        return (m.p * t.cos - m.q * t.sin) / sqrt(kPi * size);
      });
  return patch(beyond_trig_limit(x), y, x, [](double v) { return cpu::bessel_j0(v); });
}
template <class Result>
HWY_INLINE Vec<double> bessel_j1(Vec<double> x) {
  const Vec<double> size = abs(x);
  const Vec<double> y = piecewise(
      size <= 8, [&]() HWY_ATTR { return j1_small<Result>(x); },
      [&]() HWY_ATTR {
        const Modulus m = modulus1<Result>(size);
        const Turned t = turned(size);
        const Vec<double> right = (m.p * t.sin + m.q * t.cos) / sqrt(kPi * size);
        return where(x < 0, -right, right);
      });
  return patch(beyond_trig_limit(x), y, x, [](double v) { return cpu::bessel_j1(v); });
}
template <class Result>
HWY_INLINE Vec<double> bessel_y0(Vec<double> x) {
  const Vec<double> y = piecewise(
      x <= 8, [&]() HWY_ATTR { return y0_small<Result>(x); },
      [&]() HWY_ATTR {
        const Modulus m = modulus0<Result>(x);
        const Turned t = turned(x);
        return (m.p * t.sin + m.q * t.cos) / sqrt(kPi * x);
      });
  return patch(beyond_trig_limit(x), y, x, [](double v) { return cpu::bessel_y0(v); });
}
template <class Result>
HWY_INLINE Vec<double> bessel_y1(Vec<double> x) {
  const Vec<double> y = piecewise(
      x <= 8, [&]() HWY_ATTR { return y1_small<Result>(x); },
      [&]() HWY_ATTR {
        const Modulus m = modulus1<Result>(x);
        const Turned t = turned(x);
        return (m.q * t.sin - m.p * t.cos) / sqrt(kPi * x);
      });
  return patch(beyond_trig_limit(x), y, x, [](double v) { return cpu::bessel_y1(v); });
}

// --- log|gamma(x)|

// For x >= 0: by Stirling's series for large x, else by a series between the zeros at 1 and 2 and around them, which x
// is brought to by the recurrence.
template <class Result>
HWY_INLINE Vec<double> lgamma_right(Vec<double> x) {
  // log(gamma(z)) / ((z - 1) (z - 2)) by z - 2.
  constexpr double kLog[] = {
      0.44148902545501421,    -0.11119580321752522,    0.019510448260688841,   -0.003922461463025264,
      8.4789898959538574e-4,  -1.9153855341365592e-4,  4.4544701849756064e-5,  -1.05728743735943e-5,
      2.5474336873408415e-6,  -6.208535880776316e-7,   1.5268677399071547e-7,  -3.7826376602913261e-8,
      9.4281008236242844e-9,  -2.3619997021846449e-9,  5.9435419058175461e-10, -1.5013129770728669e-10,
      3.8050196458110537e-11, -9.6724852996563246e-12, 2.4653481983556609e-12, -6.2988681407917115e-13,
      1.6128460030283786e-13, -4.1379492068140421e-14, 1.0635701227757898e-14, -2.7382420786652807e-15,
      7.0606705072148229e-16, -1.8232177141659469e-16, 4.7141690067461808e-17, -1.2204107319255343e-17};
  const Mask<double> large = x >= (sizeof(Result) == 4 ? 4 : 10), tiny = x < 1;
  Vec<double> z = where(large, Vec<double>(2), where(tiny, x + 1, x)), factor = 1;
  for (Mask<double> high = z >= 3; !none(high); high = z >= 3) {
    z = where(high, z - 1, z);
    factor = where(high, factor * z, factor);
  }
  const Vec<double> logarithm = log(where(large | tiny, x, factor));
  return piecewise(
      large,
      [&]() HWY_ATTR {
        const Vec<double> w = 1 / (x * x);
        const Vec<double> tail =
            polynomial(w, 1.0 / 12, -1.0 / 360, 1.0 / 1260, -1.0 / 1680, 1.0 / 1188, -691.0 / 360360, 1.0 / 156) / x;
        return (x - 0.5) * (logarithm - 1) + (0.4189385332046727 + tail);
      },
      [&]() HWY_ATTR {
        // z - 1 and z - 2 of the x below 1, of which z has lost digits.
        const Vec<double> above = where(tiny, x, z - 1), below = where(tiny, x - 1, z - 2);
        const Vec<double> near = above * below * chebyshev<Result, 16>(kLog, below);
        return where(tiny, near - logarithm, near + logarithm);
      });
}

template <class Result>
HWY_INLINE Vec<double> lgamma(Vec<double> x) {
  const Vec<double> size = abs(x), right = lgamma_right<Result>(size);
  // Reflection; nearer to zero both sides are the same.
  const Mask<double> mirrored = x < -1e-20;
  if (none(mirrored)) return right;
  const Vec<double> sine = abs(sin(kPi * (size - round(size))));
  const Vec<double> left = where(isinf(size) | (sine == 0), Vec<double>(kInf), log(kPi / (sine * size)) - right);
  // Around the zeros of the left side little is left of the difference.
  constexpr double kLeast = sizeof(Result) == 4 ? 1e-6 : 1;
  return patch(mirrored & (abs(left) < kLeast), where(mirrored, left, right), x, [](double v) { return log_gamma(v); });
}

}  // namespace series

// --- the words of the formulas

// Each is long, so that the loops over all layouts share one copy of it.
#define TENON_SERIES(name)                                                                                 \
  HWY_MAYBE_UNUSED HWY_NOINLINE static Vec<double> name(Vec<double> x) { return series::name<double>(x); } \
  HWY_MAYBE_UNUSED HWY_NOINLINE static Vec<float> name(Vec<float> x) {                                     \
    return through_double(x, [](Vec<double> v) HWY_ATTR { return series::name<float>(v); });               \
  }
TENON_SERIES(erfinv)
TENON_SERIES(lgamma)

#define TENON_LIBRARY1 TENON_SERIES
#define TENON_WORD1(name)                                 \
  template <class T>                                      \
  HWY_INLINE Vec<T> name(Vec<T> x) {                      \
    return lanewise(x, [](T v) { return cpu::name(v); }); \
  }
#define TENON_WORD2(name)                                            \
  template <class T>                                                 \
  HWY_INLINE Vec<T> name(Vec<T> a, Vec<T> b) {                       \
    return lanewise(a, b, [](T x, T y) { return cpu::name(x, y); }); \
  }
#include "backend/expr/special_words.inc"

template <class T>
HWY_INLINE Vec<T> polygamma(double n, Vec<T> x) {
  if (n == 1) return trigamma(x);
  return lanewise(x, [n](T v) { return cpu::polygamma(n, v); });
}

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // TENON_SIMD_SPECIAL_INL_H_
