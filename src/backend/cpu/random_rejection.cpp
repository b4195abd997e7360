// Gamma, Poisson and binomial numbers by the rejection methods of Marsaglia and Tsang (2000) and Hörmann (1993), and by
// counting where the mean is small. Depends on the generator and the normal distribution.
#include "backend/cpu/random_rejection.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/cpu/random_continuous.h"
#include "backend/cpu/random_fill.h"
#include "backend/cpu/special_math.h"

namespace tenon::cpu {
namespace {

// Below this mean successes are counted one by one.
constexpr double kSmallMean = 10;

double next_unit(Generator& generator) {
  uint32_t words[2];
  generator.random(words, 2);
  return unit_double(words);
}

// Marsaglia and Tsang: d v, where v is the cube of a linear function of a normal number. As in PyTorch, what depends on
// the concentration alone is computed in its dtype.
template <class T>
double next_gamma(T concentration, Generator& generator) {
  double scale = 1;
  if (concentration < 1) {
    if (concentration == 0) return 0;
    scale = std::pow(1 - next_unit(generator), static_cast<double>(1 / concentration));
    concentration += 1;
  }
  const double d = concentration - T(1.0f / 3.0f), c = 1 / std::sqrt(9 * d);
  while (true) {
    double normal, root;
    do {
      normal = next_normal(generator, 0, 1);
      root = 1 + c * normal;
    } while (root <= 0);
    const double v = root * root * root, u = 1 - next_unit(generator), square = normal * normal;
    if (u < 1 - 0.0331f * square * square || std::log(u) < 0.5 * square + d * (1 - v + std::log(v))) {
      return scale * d * v;
    }
  }
}

// Hörmann's transformed rejection: a proposal that follows the quantiles, and a box in which it is accepted unseen.
struct Proposal {
  double value, v, us;

  Proposal(double a, double b, double centre, Generator& generator) {
    const double u = next_unit(generator) - 0.5;
    v = next_unit(generator);
    us = 0.5 - std::abs(u);
    value = std::floor((2 * a / us + b) * u + centre);
  }
  bool in_box(double height) const { return us >= 0.07 && v <= height; }
};

double next_poisson(double rate, Generator& generator) {
  TENON_CHECK(rate >= 0, "poisson: invalid Poisson rate, expected rate to be non-negative, got ", rate);
  if (rate == 0) return 0;
  if (rate < kSmallMean) {
    const double least = std::exp(-rate);
    double count = 0;
    for (double product = next_unit(generator); product > least; product *= next_unit(generator)) ++count;
    return count;
  }
  const double log_rate = std::log(rate), b = 0.931 + 2.53 * std::sqrt(rate), a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), height = 0.9277 - 3.6224 / (b - 2);
  while (true) {
    const Proposal k(a, b, rate + 0.43, generator);
    if (k.in_box(height)) return k.value;
    if (k.value < 0 || (k.us < 0.013 && k.v > k.us)) continue;
    const double log_height = std::log(k.v) + std::log(inverse_alpha) - std::log(a / (k.us * k.us) + b);
    if (log_height <= -rate + k.value * log_rate - log_gamma(k.value + 1)) return k.value;
  }
}

// What Stirling's formula for log(k!) leaves over.
double stirling_rest(double k) {
  const double n = k + 1;
  if (k <= 9) return log_gamma(n) - ((k + 0.5) * std::log(n) - n + 0.9189385332046727);
  const double square = n * n;
  return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / n;
}

template <class T>
double binomial_by_rejection(T trials, T prob, Generator& generator) {
  const double count = trials, mean = trials * prob, odds = prob / (1 - prob);
  const double deviation = std::sqrt(trials * prob * (1 - prob));
  const double b = 1.15 + 2.53 * deviation, a = -0.0873 + 0.0248 * b + 0.01 * prob, height = 0.92 - 4.2 / b;
  const double alpha = (2.83 + 5.1 / b) * deviation, mode = std::floor((trials + 1) * prob);
  while (true) {
    const Proposal k(a, b, mean + 0.5, generator);
    if (k.in_box(height)) return k.value;
    if (k.value < 0 || k.value > count) continue;
    const double bound = (mode + 0.5) * std::log((mode + 1) / (odds * (count - mode + 1))) +
                         (count + 1) * std::log((count - mode + 1) / (count - k.value + 1)) +
                         (k.value + 0.5) * std::log(odds * (count - k.value + 1) / (k.value + 1)) +
                         stirling_rest(mode) + stirling_rest(count - mode) - stirling_rest(k.value) -
                         stirling_rest(count - k.value);
    if (std::log(k.v * alpha / (a / (k.us * k.us) + b)) <= bound) return k.value;
  }
}

// The distances between successes are geometric.
template <class T>
double binomial_by_distances(T count, T prob, Generator& generator) {
  const double log_failure = std::log1p(-prob);
  double successes = 0;
  for (double at = 0;; ++successes) {
    at += std::ceil(std::log(next_unit(generator)) / log_failure);
    if (at > count) return successes;
  }
}

// As in PyTorch, what depends on the parameters alone is computed in their dtype.
template <class T>
T next_binomial(T count, T prob, Generator& generator) {
  if (count <= 0 || prob <= 0) return 0;
  if (prob >= 1) return count;
  if (std::isnan(count) || std::isnan(prob)) return std::numeric_limits<T>::quiet_NaN();
  if (prob > T(0.5)) return count - next_binomial(count, 1 - prob, generator);
  const auto draw = count * prob >= kSmallMean ? binomial_by_rejection<T> : binomial_by_distances<T>;
  return static_cast<T>(draw(count, prob, generator));
}

// out[i] = draw(i), for contiguous views.
template <class T, class Draw>
void fill_each(const TensorView& out, Generator& generator, Draw draw) {
  std::lock_guard lock(generator.mutex());
  T* const data = out.as<T>();
  for (int64_t i = 0, count = out.numel(); i < count; ++i) data[i] = static_cast<T>(draw(i));
}

// Calls run() with a value of the dtype: float32 or float64.
template <class Run>
void visit_single_or_double(ScalarType dtype, Run run) {
  dtype == kDouble ? run(double{}) : run(float{});
}

}  // namespace

void standard_gamma(const TensorView& out, const TensorView& concentration, Generator& generator) {
  visit_single_or_double(out.dtype, [&]<class T>(T) {
    fill_each<T>(out, generator, [&](int64_t i) {
      const auto value = static_cast<T>(next_gamma(concentration.as<T>()[i], generator));
      // Logarithms of samples stay finite.
      return value > std::numeric_limits<T>::min() ? value : std::numeric_limits<T>::min();
    });
  });
}

void poisson(const TensorView& out, const TensorView& rate, Generator& generator) {
  visit_floating(out.dtype, [&]<class T>(T) {
    fill_each<T>(out, generator, [&](int64_t i) {
      const double count = next_poisson(static_cast<double>(rate.as<T>()[i]), generator);
      // What 64 bits do not hold becomes the least integer.
      return std::abs(count) < 0x1p63 ? count : -0x1p63;
    });
  });
}

void binomial(const TensorView& out, const TensorView& count, const TensorView& prob, Generator& generator) {
  visit_single_or_double(out.dtype, [&]<class T>(T) {
    fill_each<T>(out, generator,
                 [&](int64_t i) { return next_binomial(count.as<T>()[i], prob.as<T>()[i], generator); });
  });
}

}  // namespace tenon::cpu
