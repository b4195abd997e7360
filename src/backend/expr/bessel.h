// The Bessel functions of the C library and the Airy function in double precision, for host and device. The latter is a
// Chebyshev series on each piece of its domain, with coefficients computed with 40 digits; depends on base alone.
#pragma once

#include <cmath>

#include "backend/expr/special.h"

namespace tenon::expr::special {

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
  const auto series_of = [](const auto& c, double t) {
    return series::chebyshev<double, 0>(c, t);
  };
  if (std::isinf(x)) return 0;
  if (x >= -4 && x <= 2) return series_of(kAiCenter, (x + 1) / 3);
  const double size = std::fabs(x), z = 2 * size * std::sqrt(size) / 3;
  const double amplitude = 1 / (kSqrtPi * std::sqrt(std::sqrt(size)));
  if (x > 2) {
    constexpr double kFirst = 1.8856180831641267;  // z at 2
    return 0.5 * amplitude * std::exp(-z) * series_of(kAiDecay, 2 * kFirst / z - 1);
  }
  constexpr double kFirst = 16.0 / 3;  // z at -4
  const double t = 2 * (kFirst / z) * (kFirst / z) - 1, angle = z + kPi / 4;
  return amplitude * (std::sin(angle) * series_of(kAiSine, t) - std::cos(angle) * series_of(kAiCosine, t) / z);
}

}  // namespace tenon::expr::special
