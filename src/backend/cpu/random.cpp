// The CPU's random family: the discrete distributions, and the table.
#include "backend/cpu/random.h"

#include <cmath>
#include <limits>

#include "backend/cpu/implicit_gradient.h"
#include "backend/cpu/random_continuous.h"
#include "backend/cpu/random_fill.h"
#include "backend/cpu/random_multinomial.h"
#include "backend/cpu/random_rejection.h"

namespace tenon {
namespace cpu {
namespace {

// As x86 converts: what 64 bits do not hold becomes the least integer; then the low bits.
template <class T>
T from_double(double value) {
  if constexpr (std::is_integral_v<T>) {
    const bool fits = value >= -0x1p63 && value < 0x1p63;
    return static_cast<T>(fits ? static_cast<int64_t>(value) : INT64_MIN);
  } else {
    return static_cast<T>(value);
  }
}

template <class T>
T from_integer(int64_t value) {
  if constexpr (std::is_same_v<T, bool>) return value != 0;
  if constexpr (std::is_integral_v<T> || std::is_floating_point_v<T>) return static_cast<T>(value);
  return T(static_cast<float>(value));
}

// How many integers any_integers() draws from, where they are drawn by remainder: of all but uint64.
template <class T>
constexpr uint64_t integer_span() {
  if constexpr (std::is_same_v<T, float>) return (uint64_t{1} << 24) + 1;
  if constexpr (std::is_same_v<T, double>) return (uint64_t{1} << 53) + 1;
  if constexpr (std::is_same_v<T, Half>) return (uint64_t{1} << 11) + 1;
  if constexpr (std::is_same_v<T, BFloat16>) return (uint64_t{1} << 8) + 1;
  if constexpr (std::is_integral_v<T>) return static_cast<uint64_t>(std::numeric_limits<T>::max()) + 1;
}

void geometric(const TensorView& out, double p, Generator& generator) {
  std::lock_guard lock(generator.mutex());
  const double log_failure = std::log1p(-p);
  visit_real(out.dtype, [&]<class T>(T) {
    fill_from_words<T, 2>(out, generator, [&](const uint32_t* words) {
      return from_double<T>(std::ceil(std::log(unit_double(words)) / log_failure));
    });
  });
}

// Remainders of narrow ranges are taken of one draw, others of two.
constexpr uint64_t kOneDrawRange = uint64_t{1} << 28;

void integers(const TensorView& out, uint64_t range, int64_t base, Generator& generator) {
  std::lock_guard lock(generator.mutex());
  const auto shift = static_cast<uint64_t>(base);
  visit_real(out.dtype, [&]<class T>(T) {
    if (range == 0) {
      fill_from_words<T, 2>(out, generator,
                            [](const uint32_t* words) { return from_integer<T>(static_cast<int64_t>(bits64(words))); });
    } else if (range < kOneDrawRange) {
      const auto narrow = static_cast<uint32_t>(range);
      fill_from_words<T, 1>(out, generator, [=](const uint32_t* words) {
        return from_integer<T>(static_cast<int64_t>(words[0] % narrow + shift));
      });
    } else {
      fill_from_words<T, 2>(out, generator, [=](const uint32_t* words) {
        return from_integer<T>(static_cast<int64_t>(bits64(words) % range + shift));
      });
    }
  });
}

void any_integers(const TensorView& out, Generator& generator) {
  std::lock_guard lock(generator.mutex());
  visit_real(out.dtype, [&]<class T>(T) {
    if constexpr (std::is_same_v<T, uint64_t>) {
      fill_from_words<T, 2>(out, generator, bits64);
    } else {
      constexpr int kWords = std::is_same_v<T, int64_t> || std::is_same_v<T, double> ? 2 : 1;
      fill_from_words<T, kWords>(out, generator, [](const uint32_t* words) {
        const uint64_t bits = kWords == 2 ? bits64(words) : words[0];
        return from_integer<T>(static_cast<int64_t>(bits % integer_span<T>()));
      });
    }
  });
}

// Writes `kept` where u53 < p, else zero.
template <class T>
void fill_with_probability(const TensorView& out, double p, T kept, Generator& generator) {
  // u53 < p exactly when its 53 bits, as an integer, are below p * 2^53 rounded up.
  const auto threshold = static_cast<uint64_t>(std::ceil(p * 0x1p53));
  const T zero{};
  fill_from_words<T, 2>(out, generator, [=](const uint32_t* words) { return bits53(words) < threshold ? kept : zero; });
}

void bernoulli(const TensorView& out, double p, Generator& generator) {
  std::lock_guard lock(generator.mutex());
  visit_real(out.dtype, [&]<class T>(T) { fill_with_probability(out, p, T(1), generator); });
}

template <class P>
void check_probabilities(const TensorView& p) {
  MemoryOrder order(p, nullptr);
  order.next(order.numel(), [&](int64_t at, int64_t) {
    const auto value = static_cast<double>(p.as<P>()[at]);
    TENON_CHECK(value >= 0 && value <= 1, "bernoulli: expected probabilities from 0 to 1, got ", value);
  });
}

void bernoulli_each(const TensorView& out, const TensorView& p, Generator& generator) {
  std::lock_guard lock(generator.mutex());
  visit_floating(p.dtype, [&]<class P>(P) {
    check_probabilities<P>(p);
    visit_real(out.dtype, [&]<class T>(T) {
      MemoryOrder order(out, &p);
      constexpr int kWords = std::is_same_v<P, double> ? 2 : 1;
      uint32_t words[kRandomChunk * kWords];
      for (int64_t left = order.numel(); left > 0; left -= kRandomChunk) {
        const int64_t count = std::min(kRandomChunk, left);
        generator.random(words, count * kWords);
        const uint32_t* word = words;
        order.next(count, [&](int64_t at, int64_t at_p) {
          const P probability = p.as<P>()[at_p];
          bool hit;
          if constexpr (kWords == 2) {
            hit = unit_double(word) < probability;
          } else {
            hit = unit_float(word) < static_cast<float>(probability);
          }
          out.as<T>()[at] = T(hit);
          word += kWords;
        });
      }
    });
  });
}

void dropout_mask(const TensorView& out, double p, Generator& generator) {
  std::lock_guard lock(generator.mutex());
  const double keep = 1 - p;
  visit_floating(out.dtype, [&]<class T>(T) {
    using Compute = std::conditional_t<std::is_same_v<T, double>, double, float>;
    // With p = 1 nothing is kept and the scale is never read.
    fill_with_probability(out, keep, T(Compute(1) / static_cast<Compute>(keep)), generator);
  });
}

void permutation(const TensorView& out, Generator& generator) {
  std::lock_guard lock(generator.mutex());
  const int64_t n = out.numel();
  visit_real(out.dtype, [&]<class T>(T) {
    T* const data = out.as<T>();
    for (int64_t i = 0; i < n; ++i) data[i] = from_integer<T>(i);
    uint32_t words[kRandomChunk];
    for (int64_t done = 0; done < n - 1; done += kRandomChunk) {
      const int64_t count = std::min(kRandomChunk, n - 1 - done);
      generator.random(words, count);
      for (int64_t i = 0; i < count; ++i) {
        const int64_t at = done + i;
        std::swap(data[at], data[at + static_cast<int64_t>(words[i] % static_cast<uint64_t>(n - at))]);
      }
    }
  });
}

}  // namespace
}  // namespace cpu

const RandomKernels cpu_random = {
    cpu::random_uniform,
    cpu::random_normal,
    cpu::random_log_normal,
    cpu::random_cauchy,
    cpu::random_exponential,
    cpu::geometric,
    cpu::integers,
    cpu::any_integers,
    cpu::bernoulli,
    cpu::bernoulli_each,
    cpu::dropout_mask,
    cpu::permutation,
    cpu::multinomial,
    cpu::standard_gamma,
    cpu::poisson,
    cpu::binomial,
    cpu::standard_gamma_gradient,
    cpu::dirichlet_gradient,
};

}  // namespace tenon
