// The incomplete gamma functions, zeta and the relatives of the error function in double precision, for host and
// device; depends on base alone.
#pragma once

#include <cmath>

#include "backend/expr/bessel.h"
#include "backend/expr/special.h"

namespace tenon::expr::special {

// --- the incomplete gamma functions

// log(1 + m) - m without the cancellation near zero.
TENON_HOST_DEVICE inline double log1p_minus(double m) {
  if (std::fabs(m) > 0.5) return std::log1p(m) - m;
  const double r = m / (2 + m), square = r * r;
  double sum = 0, power = 2 * r * square;
  for (int n = 3; n < 40 && std::fabs(power) > 1e-18 * std::fabs(r * m); n += 2) {
    sum += power / n;
    power *= square;
  }
  return sum - r * m;
}

// x^a e^-x / gamma(a + 1).
TENON_HOST_DEVICE inline double gamma_density(double a, double x) {
  if (a < 10) return std::pow(x, a) * std::exp(-x) / std::tgamma(a + 1);
  // By Stirling's series.
  const double z = 1 / (a * a);
  const double series = (1.0 / 12 - z * (1.0 / 360 - z * (1.0 / 1260 - z * (1.0 / 1680 - z / 1188)))) / a;
  return std::exp(a * log1p_minus((x - a) / a) - series) / std::sqrt(2 * kPi * a);
}

// More terms than any series or fraction below needs.
inline constexpr int kMostTerms = 2000;

// The lower function P(a, x) by its power series, for x up to about a.
TENON_HOST_DEVICE inline double gamma_series(double a, double x) {
  double sum = 1, term = 1;
  for (int n = 1; n < kMostTerms && term > 1e-17 * sum; ++n) {
    term *= x / (a + n);
    sum += term;
  }
  return gamma_density(a, x) * sum;
}

// The upper function Q(a, x) by its continued fraction, for x > a and x > 1, evaluated by Lentz's method.
TENON_HOST_DEVICE inline double gamma_fraction(double a, double x) {
  double b = x + 1 - a, c = 1e300, d = 1 / b, value = d;
  for (int n = 1; n < kMostTerms; ++n) {
    const double numerator = n * (a - n);
    b += 2;
    d = 1 / (numerator * d + b);
    c = b + numerator / c;
    value *= c * d;
    if (std::fabs(c * d - 1) < 1e-16) break;
  }
  return a * gamma_density(a, x) * value;
}

// log(gamma(1 + a)) for 0 < a < 1, accurate near zero.
TENON_HOST_DEVICE inline double log_gamma_of_one_plus(double a) {
  if (a > 1e-3) return std::log(std::tgamma(1 + a));
  // zeta(k) / k
  return a * (-0.57721566490153286 +
              a * (0.82246703342411322 -
                   a * (0.40068563438653143 -
                        a * (0.27058080842778454 - a * (0.20738555102867399 - a * 0.16955717699740818)))));
}

// Q(a, x) for 0 < a < 1 and x up to 1, where 1 - P would cancel.
TENON_HOST_DEVICE inline double upper_gamma_series(double a, double x) {
  double sum = 0, term = 1;
  for (int n = 1; n < kMostTerms; ++n) {
    term *= -x / n;
    sum += term / (a + n);
    if (std::fabs(term) <= 1e-17 * std::fabs(sum)) break;
  }
  const double log_x = std::log(x);
  return -std::expm1(a * log_x - log_gamma_of_one_plus(a)) - std::pow(x, a) / std::tgamma(a) * sum;
}

template <size_t N>
TENON_HOST_DEVICE inline double power_series(const double (&c)[N], double x) {
  double sum = c[N - 1];
  for (size_t k = N - 1; k > 0; --k) sum = sum * x + c[k - 1];
  return sum;
}

// P or Q for large a and x near it, by Temme's uniform expansion: half an error function and a correction in powers of
// 1 / a, whose coefficients are power series in eta with eta^2 / 2 = m - log(1 + m) and m = (x - a) / a.
TENON_HOST_DEVICE inline double gamma_uniform(double a, double x, bool upper) {
  // By powers of eta, the coefficients of a^0, a^-1, ...
  constexpr double kC0[] = {
    -0.33333333333333331, 0.083333333333333329, -0.014814814814814815, 0.0011574074074074073,
    0.00035273368606701942, -0.0001787551440329218, 3.9192631785224377e-05, -2.185448510679992e-06,
    -1.85406221071516e-06, 8.2967113409530865e-07, -1.7665952736826078e-07, 6.7078535434014984e-09,
    1.0261809784240309e-08, -4.3820360184533529e-09, 9.1476995822367902e-10, -2.5514193994946248e-11,
    -5.8307721325504256e-11, 2.4361948020667415e-11, -5.0276692801141755e-12};
  constexpr double kC1[] = {
    -0.0018518518518518519, -0.003472222222222222, 0.0026455026455026454, -0.00099022633744855963,
    0.00020576131687242798, -4.018775720164609e-07, -1.8098550334489977e-05, 7.6491609160811098e-06,
    -1.6120900894563446e-06, 4.647127802807434e-09, 1.3786334469157209e-07, -5.7525456035177047e-08,
    1.1951628599778148e-08, -1.7543241719747647e-11, -1.0091543710600413e-09, 4.1627929918425828e-10,
    -8.5639070264929801e-11};
  constexpr double kC2[] = {
    0.0041335978835978834, -0.0026813271604938273, 0.0007716049382716049, 2.0093878600823047e-06,
    -0.0001073665322636516, 5.2923448829120125e-05, -1.2760635188618728e-05, 3.4235787340961378e-08,
    1.3721957309062934e-06, -6.2989921383800548e-07, 1.4280614206064242e-07, -2.0477098421990866e-10,
    -1.409252991086752e-08, 6.2289740849220218e-09};
  constexpr double kC3[] = {
    0.00064943415637860077, 0.00022947209362139917, -0.0004691894943952557, 0.00026772063206283885,
    -7.5618016718839766e-05, -2.3965051138672968e-07, 1.1082654115347302e-05, -5.6749528269915965e-06,
    1.4230900732435883e-06, -2.7861080291528143e-11, -1.6958404091930278e-07, 8.0994649053880827e-08};
  constexpr double kC4[] = {
    -0.00086188829091671173, 0.00078403922172006662, -0.00029907248030319018, -1.4638452578843418e-06,
    6.6414982154651219e-05, -3.9683650471794347e-05, 1.1375726970678419e-05};
  constexpr double kC5[] = {
    -0.00033679855336635813, -6.9728137583658571e-05, 0.00027727532449593918, -0.00019932570516188847,
    6.797780477937208e-05};
  constexpr double kC6[] = {
    0.00053130793646399225, -0.00059216643735369393};
  constexpr double kC7[] = {
    0.00034436760689237765};
  const double m = (x - a) / a, half_square = -log1p_minus(m);
  const double eta = std::copysign(std::sqrt(2 * half_square), m), z = 1 / a;
  double sum = kC7[0];
  sum = sum * z + power_series(kC6, eta);
  sum = sum * z + power_series(kC5, eta);
  sum = sum * z + power_series(kC4, eta);
  sum = sum * z + power_series(kC3, eta);
  sum = sum * z + power_series(kC2, eta);
  sum = sum * z + power_series(kC1, eta);
  sum = sum * z + power_series(kC0, eta);
  const double sign = upper ? 1 : -1;
  const double correction = std::exp(-a * half_square) * sum / std::sqrt(2 * kPi * a);
  return 0.5 * std::erfc(sign * eta * std::sqrt(a / 2)) + sign * correction;
}

// P(a, x), or Q(a, x) = 1 - P(a, x) if `upper`.
TENON_HOST_DEVICE inline double incomplete_gamma(double a, double x, bool upper) {
  if (!(a >= 0 && x >= 0)) return kNan;
  if (a == 0) return x > 0 ? (upper ? 0 : 1) : kNan;
  if (x == 0) return upper ? 1 : 0;
  if (std::isinf(a)) return std::isinf(x) ? kNan : upper ? 1 : 0;
  if (std::isinf(x)) return upper ? 0 : 1;
  if (a > 200 && std::fabs(x - a) < 0.4 * a) return gamma_uniform(a, x, upper);
  if (upper && x <= 1 && a < 1) return upper_gamma_series(a, x);
  if (x <= a || x <= 1) return upper ? 1 - gamma_series(a, x) : gamma_series(a, x);
  return upper ? gamma_fraction(a, x) : 1 - gamma_fraction(a, x);
}

TENON_HOST_DEVICE inline double igamma(double a, double x) { return incomplete_gamma(a, x, false); }
TENON_HOST_DEVICE inline double igammac(double a, double x) { return incomplete_gamma(a, x, true); }

// --- the Riemann and Hurwitz zeta function

// The sum over k >= 0 of (q + k)^-s; real for q <= 0 only where s is whole.
TENON_HOST_DEVICE inline double zeta(double s, double q) {
  if (s == 1) return kInf;
  if (!(s > 1) || std::isnan(q)) return kNan;
  if (q <= 0) {
    if (q == std::floor(q)) return kInf;
    if (s != std::floor(s)) return kNan;
  }
  return hurwitz_zeta(s, q);
}

// --- the scaled error function, and the inverse of the normal distribution

// e^(x^2) erfc(x).
TENON_HOST_DEVICE inline double erfcx(double x) {
  // (1 + 2x) erfcx(x) by (x - 3) / (x + 3).
  constexpr double kErfcx[] = {
    1.1775625741965601, 0.0053539045396156764, -0.093775503422842091, 0.054366525557443222, -0.018976596707845208,
    0.0044534260614627116, -0.00063355317105531469, 1.7661719523171593e-05, 1.2841532864056671e-05,
    -2.0072285659059913e-06, -1.8075227904148371e-07, 7.5498283438250929e-08, 1.885668523838603e-09,
    -2.6995190497983639e-09, -1.4600791199391051e-11, 1.0361607445969489e-10, 1.475715976623473e-12,
    -4.277340064396911e-12, -2.0792249285979901e-13, 1.8134502003176963e-13, 1.973425574544739e-14,
    -7.2879437375926734e-15, -1.5169878690228116e-15, 2.3514112258781403e-16, 1.0006111691821667e-16,
    -2.0572528169538546e-18, -5.608608218863183e-18};
  const double size = std::fabs(x);
  const double scaled = chebyshev(kErfcx, 1 - 6 / (size + 3)) / (1 + 2 * size);
  if (!(x < 0)) return scaled;
  if (x < -27) return kInf;
  const double square = x * x;
  // What rounding took from the square would show in its exponential.
  return 2 * std::exp(square) * (1 + std::fma(x, x, -square)) - scaled;
}

// The x whose normal distribution function is p: by (p - 1/2)^2 in the middle, by sqrt(-log(p)) in the tails.
TENON_HOST_DEVICE inline double ndtri(double p) {
  constexpr double kCenter[] = {
    2.8734735392279016, 0.4249523687457461, 0.069863176334793581, 0.014427118125591741, 0.0033201004870131953,
    0.00081380657612034743, 0.00020786840753747379, 5.465725366773796e-05, 1.468387347320025e-05,
    4.0107389782585188e-06, 1.1099824248795094e-06, 3.1048977381831365e-07, 8.7623994242518102e-08,
    2.4913574468428183e-08, 7.1287271406675891e-09, 2.0510368569795625e-09, 5.9294613304866372e-10,
    1.7214207115839077e-10, 5.0162713974905008e-11, 1.4666377850066188e-11, 4.3009540621173006e-12,
    1.2646797027235999e-12, 3.7278749232698614e-13, 1.1013181717350946e-13, 3.2602627094865208e-14,
    9.6695970167717474e-15, 2.8728720300938122e-15, 8.549085397951056e-16, 2.5478156257687059e-16,
    7.6035446852687457e-17, 2.2720786063283473e-17, 6.7975609493070538e-18};
  constexpr double kNearTail[] = {
    4.0841833357997581, 2.607797886887866, -0.041394143742295317, 0.0089487802130837051, -0.0020041920608440799,
    0.00045993754992500007, -0.00010756875957829014, 2.5560771112804228e-05, -6.158767529335384e-06,
    1.502377277200627e-06, -3.7055388240057447e-07, 9.2295169782277766e-08, -2.3188200101606843e-08,
    5.8703159265223556e-09, -1.4960787008534089e-09, 3.8351944938942756e-10, -9.8821303150932619e-11,
    2.5578767064215094e-11, -6.6473774084859538e-12, 1.7336965374853799e-12, -4.5361456542195441e-13,
    1.1902960734173866e-13, -3.1315514488616039e-14, 8.2584601171167943e-15, -2.1826554518141019e-15,
    5.780167499807702e-16, -1.5335449049696812e-16, 4.0756121472500891e-17, -1.0848645362204086e-17};
  constexpr double kFarTail[] = {
    23.120521110481075, 16.393947610287466, -0.044175854025376292, 0.01558533371331146, -0.0056261223740513462,
    0.0020613863962532968, -0.00076327293263356755, 0.00028485554869142805, -0.00010696470690463593,
    4.0364881772100799e-05, -1.5294498904484199e-05, 5.8150384122501968e-06, -2.217379853388004e-06,
    8.4767712435156746e-07, -3.2478211893146713e-07, 1.2468681041420439e-07, -4.7954788475911331e-08,
    1.8473919759318554e-08, -7.1276617087249868e-09, 2.7539213963094307e-09, -1.0654571209970564e-09,
    4.1273408207087283e-10, -1.6007725629640008e-10, 6.2157407982811948e-11, -2.4162522267543342e-11,
    9.4029102866004505e-12, -3.6630203635750441e-12, 1.428436990223853e-12, -5.5759158131680327e-13,
    2.1786827099567093e-13, -8.520873526883566e-14, 3.3356195902130779e-14, -1.3069565996062452e-14,
    5.1254032823224304e-15, -2.0117177111103974e-15, 7.9025624888379962e-16, -3.1068508240040357e-16,
    1.2224017813117494e-16, -4.8132466239321558e-17};
  if (!(p >= 0 && p <= 1)) return kNan;
  if (p == 0 || p == 1) return p == 0 ? -kInf : kInf;
  constexpr double kMiddle = 0.425;
  const double q = p - 0.5;
  if (std::fabs(q) <= kMiddle) return q * chebyshev(kCenter, 2 * (q / kMiddle) * (q / kMiddle) - 1);
  const double r = std::sqrt(-std::log(q < 0 ? p : 1 - p));
  // From 1.6 to 5, and on to where the least number lies.
  return std::copysign(r <= 5 ? chebyshev(kNearTail, (r - 3.3) / 1.7) : chebyshev(kFarTail, (r - 16.5) / 11.5), q);
}

// --- the parts of a number

// x = mantissa * 2^exponent with 0.5 <= |mantissa| < 1.
TENON_HOST_DEVICE inline double frexp_mantissa(double x) {
  int exponent;
  return std::frexp(x, &exponent);
}
TENON_HOST_DEVICE inline double frexp_exponent(double x) {
  int exponent = 0;
  if (std::isfinite(x)) std::frexp(x, &exponent);
  return exponent;
}

}  // namespace tenon::expr::special
