// Implicit gradients: if F(x; a) is the distribution function and p its density, dx/da = -(dF/da) / p. F is summed as a
// series or a continued fraction over numbers that carry their derivative, and p cancels out of the result.
#include "backend/cpu/implicit_gradient.h"

#include <cmath>
#include <limits>

#include "backend/cpu/special_math.h"
#include "tenon/base/error.h"
#include "tenon/base/parallel.h"

namespace tenon::cpu {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
// The terms that are needed grow with the square root of the parameters.
constexpr int kMostTerms = 200000;

// A number and its derivative by the parameter.
struct Dual {
  double value, slope = 0;

  friend Dual operator+(Dual a, Dual b) { return {a.value + b.value, a.slope + b.slope}; }
  friend Dual operator-(Dual a, Dual b) { return {a.value - b.value, a.slope - b.slope}; }
  friend Dual operator*(Dual a, Dual b) { return {a.value * b.value, a.slope * b.value + a.value * b.slope}; }
  friend Dual operator/(Dual a, Dual b) {
    const double quotient = a.value / b.value;
    return {quotient, (a.slope - quotient * b.slope) / b.value};
  }
};

// Whether adding `part` to `whole` changes neither number much, or both are lost (NaN).
bool is_negligible(Dual part, Dual whole) {
  return !(std::abs(part.value) > kEpsilon * std::abs(whole.value)) &&
         !(std::abs(part.slope) > kEpsilon * (std::abs(whole.slope) + std::abs(whole.value)));
}

Dual nonzero(Dual x) { return std::abs(x.value) < 1e-300 ? Dual{1e-300, x.slope} : x; }

// 1 / (b(0) + a(1) / (b(1) + a(2) / ...)) by Lentz's method.
template <class Numerator, class Denominator>
Dual continued_fraction(Numerator a, Denominator b) {
  Dual c{1e300}, d = Dual{1} / nonzero(b(0)), result = d;
  for (int i = 1; i < kMostTerms; ++i) {
    d = Dual{1} / nonzero(a(i) * d + b(i));
    c = nonzero(b(i) + a(i) / c);
    const Dual next = result * (c * d), change = next - result;
    result = next;
    if (is_negligible(change, result)) break;
  }
  return result;
}

// For a large concentration the Cornish-Fisher expansion, whose error falls with its power of -5/2: it gives
// x = a + sqrt(a) z + (z^2 - 1) / 3 + ... for the normal number z of the same cumulative probability.
constexpr double kLargeConcentration = 1e4;

double large_gamma_slope(double a, double x) {
  const double root = std::sqrt(a);
  double z = (x - a) / root;
  auto cubic = [&] { return z * (z * z - 7); };
  auto quartic = [&] { return (3 * z * z + 7) * z * z - 16; };
  for (int step = 0; step < 8; ++step) {
    z = (x - a - (z * z - 1) / 3 - cubic() / (36 * root) + quartic() / (810 * a)) / root;
  }
  return 1 + z / (2 * root) - cubic() / (72 * a * root) + quartic() / (810 * a * a);
}

double gamma_slope(double a, double x) {
  if (!(a > 0 && x >= 0) || std::isinf(a) || std::isinf(x)) return kNan;
  if (x == 0) return 0;
  if (a > kLargeConcentration && std::abs(x - a) < 8 * std::sqrt(a)) return large_gamma_slope(a, x);
  const double log_x = std::log(x), digamma_a = digamma(a);
  if (x > a + 1) {
    // The upper tail is x p times the fraction.
    const Dual fraction = continued_fraction(
        [&](int i) {
          return Dual{-i * (i - a), double(i)};
        },
        [&](int i) {
          return Dual{x + 1 - a + 2.0 * i, -1};
        });
    return x * (fraction.value * (log_x - digamma_a) + fraction.slope);
  }
  // The lower tail is x p / a times the sum of x^n / ((a + 1) ... (a + n)).
  Dual term{1}, sum{1};
  for (int n = 1; n < kMostTerms; ++n) {
    term = term * (Dual{x} / Dual{a + n, 1});
    sum = sum + term;
    if (is_negligible(term, sum)) break;
  }
  return -(x / a) * (sum.value * (log_x - digamma_a - 1 / a) + sum.slope);
}

// The continued fraction of the incomplete beta function: the function is x (1 - x) p / a times it.
Dual beta_fraction(Dual a, Dual b, double x) {
  auto numerator = [&](int i) {
    const Dual m{double(i / 2)}, at = a + Dual{double(i)};
    const Dual product = i % 2 ? Dual{-1} * (a + m) * (a + b + m) : m * (b - m);
    return product * Dual{x} / ((at - Dual{1}) * at);
  };
  return continued_fraction(numerator, [](int) { return Dual{1}; });
}

double dirichlet_slope(double x, double a, double total) {
  const double b = total - a;
  if (!(a > 0 && b > 0 && x >= 0 && x <= 1) || std::isinf(total)) return kNan;
  if (x == 0) return 0;
  const double log_slope = std::log(x) - digamma(a) + digamma(total);
  if (x < (a + 1) / (total + 2)) {
    const Dual fraction = beta_fraction({a, 1}, {b}, x);
    return -(x / a) * (fraction.value * (log_slope - 1 / a) + fraction.slope);
  }
  const Dual fraction = beta_fraction({b}, {a, 1}, 1 - x);
  return x / b * (fraction.value * log_slope + fraction.slope);
}

constexpr int64_t kPiece = 64;

// out[i] = f(i) in the dtype of out, for contiguous views.
template <class F>
void for_each(const TensorView& out, F f) {
  auto run = [&]<class T>(T) {
    parallel_for(0, out.numel(), kPiece, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) out.as<T>()[i] = static_cast<T>(f(T{}, i));
    });
  };
  out.dtype == kDouble ? run(double{}) : run(float{});
}

}  // namespace

void standard_gamma_gradient(const TensorView& out, const TensorView& concentration, const TensorView& sample) {
  for_each(out, [&]<class T>(T, int64_t i) { return gamma_slope(concentration.as<T>()[i], sample.as<T>()[i]); });
}

void dirichlet_gradient(const TensorView& out, const TensorView& x, const TensorView& concentration,
                        const TensorView& total) {
  for_each(out, [&]<class T>(T, int64_t i) {
    return dirichlet_slope(x.as<T>()[i], concentration.as<T>()[i], total.as<T>()[i]);
  });
}

}  // namespace tenon::cpu
