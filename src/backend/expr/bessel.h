// Bessel functions and the Airy function in double precision, for host and device. On each piece of its domain one is a
// Chebyshev series, whose coefficients were computed from the function with 40 digits; depends on base alone.
#pragma once

#include <cmath>
#include <cstddef>

#include "backend/expr/special.h"

namespace tenon::expr::special {

// c[0] + c[1] T_1(t) + c[2] T_2(t) + ... for -1 <= t <= 1, by Clenshaw's recurrence over the even terms and over the
// odd ones, which do not wait for each other: T_k(t) = 2 T_2(t) T_(k-2)(t) - T_(k-4)(t).
template <size_t N>
TENON_HOST_DEVICE inline double chebyshev(const double (&c)[N], double t) {
  const double factor = 4 * t * t - 2;
  double even = 0, even_before = 0, odd = 0, odd_before = 0;
  for (size_t k = (N - 1) / 2; k > 0; --k) {
    const double next_even = factor * even + (c[2 * k] - even_before);
    const double next_odd = factor * odd + ((2 * k + 1 < N ? c[2 * k + 1] : 0) - odd_before);
    even_before = even;
    odd_before = odd;
    even = next_even;
    odd = next_odd;
  }
  odd = factor * odd + (c[1] - odd_before) - odd;
  return 0.5 * factor * even + (c[0] - even_before) + t * odd;
}

// --- modified Bessel functions of the first kind; the series of large x are in 1 / x

// e^-|x| I_0(x).
TENON_HOST_DEVICE inline double i0e(double x) {
  constexpr double kI0Small[] = {
    0.33839763720473803, -0.3046826723431984, 0.17162090152220877, -0.094901097048047639, 0.049305284239670712,
    -0.023737414805899471, 0.010546460394594998, -0.0043243099950505759, 0.0016394756169413357,
    -0.00057637557453858236, 0.00018850288509584165, -5.754195010082104e-05, 1.6448448070728896e-05,
    -4.4167383584587505e-06, 1.1173875391201037e-06, -2.6707938539406119e-07, 6.0469950225419186e-08,
    -1.300025009986248e-08, 2.6598237246823866e-09, -5.1897956016352627e-10, 9.675809035373237e-11,
    -1.7268262914415559e-11, 2.9550526631296399e-12, -4.856446783111929e-13, 7.6761854986049361e-14,
    -1.1685332877993451e-14, 1.7153912855551331e-15, -2.4312798465479549e-16, 3.3307945188222384e-17,
    -4.4153416464793395e-18};
  constexpr double kI0Large[] = {
    0.40224520550705439, 0.0033691164782556943, 6.8897583469168245e-05, 2.8913705208347567e-06,
    2.0489185894690638e-07, 2.266668990498178e-08, 3.3962320257083865e-09, 4.9406023882249701e-10,
    1.1889147107846439e-11, -3.1499165279632416e-11, -1.3215811840447713e-11, -1.7941785315068062e-12,
    7.180124451383666e-13, 3.8527783827421426e-13, 1.54008621752141e-14, -4.1505693472872222e-14,
    -9.5548466988283073e-15, 3.8116806693526224e-15, 1.7725601330565263e-15, -3.425485619677219e-16,
    -2.8276239805165836e-16, 3.4612228676974612e-17, 4.4656214202967598e-17, -4.830504485944178e-18,
    -7.23318048787476e-18, 9.9214754121736756e-19, 1.1936508908460063e-18};
  x = std::fabs(x);
  return x <= 8 ? chebyshev(kI0Small, x / 4 - 1) : chebyshev(kI0Large, 16 / x - 1) / std::sqrt(x);
}

// e^-|x| I_1(x).
TENON_HOST_DEVICE inline double i1e(double x) {
  constexpr double kI1Small[] = {
    0.12629359322181682, -0.17641651835783406, 0.10264365868984709, -0.052945981208094989, 0.024726449030626516,
    -0.010564084894626197, 0.0041564229443128882, -0.0015135724506312532, 0.00051228595616857576,
    -0.00016176081582589674, 4.7815651075500542e-05, -1.3273163656039436e-05, 3.4702513081376785e-06,
    -8.5687202646954547e-07, 2.0032947535521353e-07, -4.4450591287963281e-08, 9.3815373864957726e-09,
    -1.8872497517228294e-09, 3.6255902815521172e-10, -6.6634897235020271e-11, 1.1736186298890901e-11,
    -1.9839743977649436e-12, 3.2237933659455748e-13, -5.0421855047279118e-14, 7.6006842947354077e-15,
    -1.1055969477353862e-15, 1.5536319577362005e-16, -2.111421214358166e-17, 2.7779141127610464e-18,
    -3.5415817725421362e-19};
  constexpr double kI1Large[] = {
    0.38928811750914005, -0.0097610974913614687, -0.00011058893876262371, -3.8825648088776906e-06,
    -2.5122362378702088e-07, -2.6314688468895196e-08, -3.835380385964237e-09, -5.5897434621965838e-10,
    -1.8974958123505413e-11, 3.2526035830154884e-11, 1.4125807436613782e-11, 2.0356285441470896e-12,
    -7.1985517762459084e-13, -4.0835511110921974e-13, -2.1015418427726643e-14, 4.272440016711951e-14,
    1.0420276984128802e-14, -3.8144030724370075e-15, -1.8803547755107825e-15, 3.3082023109209285e-16,
    2.9626289976459501e-16, -3.2095259219934238e-17, -4.650305368489358e-17, 4.4143483230717038e-18,
    7.5172963108421114e-18, -9.314178867326863e-19, -1.2421932751949152e-18};
  const double size = std::fabs(x);
  if (size <= 8) return x * chebyshev(kI1Small, size / 4 - 1);
  return std::copysign(chebyshev(kI1Large, 16 / size - 1) / std::sqrt(size), x);
}

// scaled * e^|x|, where e^|x| alone may overflow.
TENON_HOST_DEVICE inline double unscaled(double scaled, double x) {
  const double root = std::exp(std::fabs(x) / 2);
  return scaled * root * root;
}

TENON_HOST_DEVICE inline double i0(double x) { return std::isinf(x) ? kInf : unscaled(i0e(x), x); }
TENON_HOST_DEVICE inline double i1(double x) { return std::isinf(x) ? x : unscaled(i1e(x), x); }

// --- modified Bessel functions of the second kind

// K_0(x) for 0 < x <= 2.
TENON_HOST_DEVICE inline double k0_small(double x) {
  constexpr double kK0Small[] = {
    -0.26766369661695139, 0.3442898999246285, 0.035979936515361501, 0.001264615411446926, 2.2862121031194519e-05,
    2.5347910790261494e-07, 1.9045163772202091e-09, 1.0349695257633625e-11, 4.2598161427910826e-14,
    1.3744654358807508e-16};
  return chebyshev(kK0Small, x * x / 2 - 1) - std::log(x / 2) * i0(x);
}

// e^x K_0(x) for x > 2.
TENON_HOST_DEVICE inline double k0e_large(double x) {
  constexpr double kK0Large[] = {
    1.2201515410329777, -0.031448101311964502, 0.0015698838857300533, -0.00012849549581627802, 1.39498137188765e-05,
    -1.8317555227191195e-06, 2.7668136394450149e-07, -4.6604898976879478e-08, 8.5740340174142253e-09,
    -1.6975345093890614e-09, 3.5773972814003283e-10, -7.9574892444773965e-11, 1.8559491149549264e-11,
    -4.5145978833745193e-12, 1.1403405882073441e-12, -2.9800969231481784e-13, 8.0328907750683746e-14,
    -2.2275133267462965e-14, 6.3400764762766461e-15, -1.8485933779209071e-15, 5.5120559994043335e-16,
    -1.6782311257549006e-16, 5.2103917776435543e-17, -1.6475805939842632e-17, 5.3004337711773354e-18};
  return chebyshev(kK0Large, 4 / x - 1) / std::sqrt(x);
}

// K_1(x) for 0 < x <= 2.
TENON_HOST_DEVICE inline double k1_small(double x) {
  constexpr double kK1Small[] = {
    0.76265011366947388, -0.35315596077654487, -0.12261118082265715, -0.0069757238596398641, -0.0001730288957513052,
    -2.4334061415659684e-06, -2.213387630734726e-08, -1.4114883926335278e-10, -6.6669016941993295e-13,
    -2.427449850519366e-15, -7.0238634793862882e-18};
  return std::log(x / 2) * i1(x) + chebyshev(kK1Small, x * x / 2 - 1) / x;
}

// e^x K_1(x) for x > 2.
TENON_HOST_DEVICE inline double k1e_large(double x) {
  constexpr double kK1Large[] = {
    1.3603130952422213, 0.10392373657681724, -0.0028578168596227792, 0.00019521551847135162, -1.936197974166083e-05,
    2.406484947837217e-06, -3.5019606030878126e-07, 5.7410841254500495e-08, -1.0345762465678097e-08,
    2.0150497551970347e-09, -4.1903547593419254e-10, 9.2183151876053146e-11, -2.1299678384277909e-11,
    5.1396396734823432e-12, -1.2891739609498229e-12, 3.3484196660522431e-13, -8.9767051820101463e-14,
    2.4771544242195988e-14, -7.0198370892147685e-15, 2.038703166239861e-15, -6.0570472706430177e-16,
    1.8380935752430455e-16, -5.6894628491936484e-17, 1.7940510478863572e-17, -5.7567444820733025e-18};
  return chebyshev(kK1Large, 4 / x - 1) / std::sqrt(x);
}

// What K_0 and K_1 are where they are no numbers.
TENON_HOST_DEVICE inline double k_outside(double x) { return x == 0 ? kInf : kNan; }

TENON_HOST_DEVICE inline double modified_bessel_k0(double x) {
  if (!(x > 0)) return k_outside(x);
  return x <= 2 ? k0_small(x) : std::exp(-x) * k0e_large(x);
}
TENON_HOST_DEVICE inline double modified_bessel_k1(double x) {
  if (!(x > 0)) return k_outside(x);
  return x <= 2 ? k1_small(x) : std::exp(-x) * k1e_large(x);
}
TENON_HOST_DEVICE inline double scaled_modified_bessel_k0(double x) {
  if (!(x > 0)) return k_outside(x);
  return x <= 2 ? std::exp(x) * k0_small(x) : k0e_large(x);
}
TENON_HOST_DEVICE inline double scaled_modified_bessel_k1(double x) {
  if (!(x > 0)) return k_outside(x);
  return x <= 2 ? std::exp(x) * k1_small(x) : k1e_large(x);
}

// --- Bessel functions, which the C library has; the second kind is real for x >= 0 alone

TENON_HOST_DEVICE inline double bessel_j0(double x) { return ::j0(x); }
TENON_HOST_DEVICE inline double bessel_j1(double x) { return ::j1(x); }
TENON_HOST_DEVICE inline double bessel_y0(double x) { return x == 0 ? -kInf : x < 0 ? kNan : ::y0(x); }
TENON_HOST_DEVICE inline double bessel_y1(double x) { return x == 0 ? -kInf : x < 0 ? kNan : ::y1(x); }

// --- the Airy function Ai

// With z = 2/3 |x|^(3/2), Ai(x) is e^-z / (2 sqrt(pi) x^(1/4)) times a series in 1/z for large x, and
// (sin(z + pi/4) F - cos(z + pi/4) G / z) / (sqrt(pi) |x|^(1/4)), with F and G in 1/z^2, for large -x.
TENON_HOST_DEVICE inline double airy_ai(double x) {
  constexpr double kAiCenter[] = {
    0.060785256850797262, 0.18996030881729123, -0.25092438703233599, -0.095120140135030548, 0.20236324198370076,
    -0.064187283063052492, -0.026814703186039963, 0.024051904281273857, -0.0041325916497489497,
    -0.0020196817905494225, 0.0011250768750654559, -0.00011697538709676606, -7.1254992530606821e-05,
    2.8167833107042442e-05, -1.7594742389691562e-06, -1.4587201524168717e-06, 4.388747958436033e-07,
    -1.4627095866197506e-08, -1.9495992841846798e-08, 4.6605527741638838e-09, -5.1062451179042341e-11,
    -1.8343326708789198e-10, 3.5857642041278925e-11, 2.6582413274795728e-13, -1.2805447574198059e-12,
    2.0885896604502407e-13, 4.8741837202287105e-15, -6.8950809278850354e-15, 9.5196501457001704e-16,
    3.5978991422145034e-17, -2.9502705833721254e-17, 3.4839894424594161e-18};
  constexpr double kAiDecay[] = {
    0.98440530491715517, -0.014792784850104199, 0.00073271774654267146, -6.1259542341782504e-05,
    6.8347669755726903e-06, -9.2372297354039818e-07, 1.436225340438052e-07, -2.4893194223220961e-08,
    4.7097934400543277e-09, -9.5838637081127331e-10, 2.0745855483677591e-10, -4.737267332192277e-11,
    1.1336099808224236e-11, -2.8277067823193509e-12, 7.3207120951255979e-13, -1.9599793911089723e-13,
    5.4101162570683925e-14, -1.5356466802223836e-14, 4.4723403933000248e-15, -1.3338094674756683e-15,
    4.0665820464562309e-16, -1.2655832256452891e-16, 4.0151263340158709e-17, -1.2969972135960937e-17,
    4.2613499074124002e-18};
  constexpr double kAiSine[] = {
    0.99937088907427785, -0.00062168365843741163, 7.1811937743686453e-06, -2.3162698135017581e-07,
    1.3216283888528755e-08, -1.0938736172758127e-09, 1.1794620737908535e-10, -1.5518841909929856e-11,
    2.3869274114924661e-12, -4.1655288920103501e-13, 8.0716781107414672e-14, -1.708757321110567e-14,
    3.9029451485408149e-15, -9.5239767849070643e-16, 2.4632810885752603e-16, -6.709077463464858e-17,
    1.913939683718707e-17, -5.6930843621137698e-18};
  constexpr double kAiCosine[] = {
    0.06882170556308001, -0.00060891518408326937, 1.3174151014089972e-05, -6.0140719129082983e-07,
    4.3275373422984992e-08, -4.2477317329547258e-09, 5.2322853768344934e-10, -7.6722909751150242e-11,
    1.2923809452698712e-11, -2.4385297571082901e-12, 5.0590472378720842e-13, -1.1378513792256329e-13,
    2.7441377308322258e-14, -7.0344821126325798e-15, 1.9032114367198917e-15, -5.4030405414093075e-16,
    1.6016711026585234e-16, -4.9375274403528065e-17, 1.5773435797781153e-17, -5.2061295818384578e-18,
    1.7706787947400164e-18, -6.1916696207832748e-19, 2.2214932182107093e-19};
  constexpr double kSqrtPi = 1.7724538509055160;
  if (std::isinf(x)) return 0;
  if (x >= -4 && x <= 2) return chebyshev(kAiCenter, (x + 1) / 3);
  const double size = std::fabs(x), z = 2 * size * std::sqrt(size) / 3;
  const double amplitude = 1 / (kSqrtPi * std::sqrt(std::sqrt(size)));
  if (x > 2) {
    constexpr double kFirst = 1.8856180831641267;  // z at 2
    return 0.5 * amplitude * std::exp(-z) * chebyshev(kAiDecay, 2 * kFirst / z - 1);
  }
  constexpr double kFirst = 16.0 / 3;  // z at -4
  const double t = 2 * (kFirst / z) * (kFirst / z) - 1, angle = z + kPi / 4;
  return amplitude * (std::sin(angle) * chebyshev(kAiSine, t) - std::cos(angle) * chebyshev(kAiCosine, t) / z);
}

}  // namespace tenon::expr::special
