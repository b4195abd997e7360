// Uniform, normal and other continuous distributions. Depends on the generator, the walk and the transforms.
#include "backend/cpu/random_continuous.h"

#include <cmath>
#include <numbers>

#include "backend/cpu/random_fill.h"
#include "backend/cpu/random_transforms.h"
#include "tenon/base/parallel.h"

namespace tenon::cpu {
namespace {

// Blocks of 16 that one piece of a parallel loop transforms.
constexpr int64_t kBlocksPerPiece = 1024;

void transform_normal(float* data, int64_t blocks, float mean, float std) {
  random_transforms().normal_float(data, blocks, mean, std);
}
void transform_normal(double* data, int64_t blocks, double mean, double std) {
  random_transforms().normal_double(data, blocks, mean, std);
}

void draw_units(float* out, int64_t count, Generator& generator) {
  uint32_t words[kRandomChunk];
  for (; count > 0; count -= kRandomChunk, out += kRandomChunk) {
    const int64_t run = std::min(count, kRandomChunk);
    generator.random(words, run);
    random_transforms().uniform_float(words, out, run, 0, 1);
  }
}
void draw_units(double* out, int64_t count, Generator& generator) {
  uint32_t words[2 * kRandomChunk];
  for (; count > 0; count -= kRandomChunk, out += kRandomChunk) {
    const int64_t run = std::min(count, kRandomChunk);
    generator.random(words, 2 * run);
    random_transforms().uniform_double(words, out, run, 0, 1);
  }
}

// 16 or more contiguous elements. What is left after whole blocks is made by filling the last 16 elements anew.
template <class T>
void normal_blocks(T* data, int64_t size, T mean, T std, Generator& generator) {
  draw_units(data, size, generator);
  parallel_for(0, size / 16, kBlocksPerPiece,
               [&](int64_t b, int64_t e) { transform_normal(data + 16 * b, e - b, mean, std); });
  if (size % 16 != 0) {
    draw_units(data + size - 16, 16, generator);
    transform_normal(data + size - 16, 1, mean, std);
  }
}

// The same for half types. Unlike wider types, elements after the last whole block take no draws of their own.
template <class T>
void normal_half_blocks(T* data, int64_t size, float mean, float std, Generator& generator) {
  float buffer[kRandomChunk];
  auto make = [&](T* out, int64_t count) {
    draw_units(buffer, count, generator);
    transform_normal(buffer, count / 16, mean, std);
    for (int64_t i = 0; i < count; ++i) out[i] = T(buffer[i]);
  };
  const int64_t whole = size / 16 * 16;
  for (int64_t done = 0; done < whole; done += kRandomChunk) make(data + done, std::min(kRandomChunk, whole - done));
  if (size % 16 != 0) make(data + size - 16, 16);
}

template <class T, class Value>
void fill_one_by_one(const TensorView& out, Value&& value) {
  fill_by_chunks<T>(out, [&](T* values, int64_t count) {
    for (int64_t i = 0; i < count; ++i) values[i] = static_cast<T>(value());
  });
}

}  // namespace

// One normal number by Box and Muller; the other of the pair is kept by the generator.
double next_normal(Generator& generator, double mean, double std) {
  if (const auto kept = generator.take_normal()) return std::fma(*kept, std, mean);
  uint32_t words[4];
  generator.random(words, 4);
  const double radius = std::sqrt(-2 * std::log1p(-unit_double(words + 2)));
  const double theta = 2 * std::numbers::pi * unit_double(words);
  generator.keep_normal(radius * std::sin(theta));
  return std::fma(radius * std::cos(theta), std, mean);
}

void random_uniform(const TensorView& out, double from, double to, Generator& generator) {
  std::lock_guard lock(generator.mutex());
  const RandomTransforms& transforms = random_transforms();
  uint32_t words[2 * kRandomChunk];
  if (out.dtype == kDouble) {
    return fill_by_chunks<double>(out, [&](double* values, int64_t count) {
      generator.random(words, 2 * count);
      transforms.uniform_double(words, values, count, from, to);
    });
  }
  const auto low = static_cast<float>(from), high = static_cast<float>(to);
  auto make = [&](float* values, int64_t count) {
    generator.random(words, count);
    transforms.uniform_float(words, values, count, low, high);
  };
  if (out.dtype == kFloat) return fill_by_chunks<float>(out, make);
  visit_floating(out.dtype, [&]<class T>(T) {
    const float last = T(high), first = T(low);
    fill_by_chunks<T>(out, [&](T* values, int64_t count) {
      float buffer[kRandomChunk];
      make(buffer, count);
      for (int64_t i = 0; i < count; ++i) {
        // Rounding to the narrow type may reach `to`, which the interval excludes.
        const T value(buffer[i]);
        values[i] = static_cast<float>(value) == last ? T(first) : value;
      }
    });
  });
}

void random_normal(const TensorView& out, double mean, double std, Generator& generator) {
  std::lock_guard lock(generator.mutex());
  const int64_t size = out.numel();
  visit_floating(out.dtype, [&]<class T>(T) {
    if (size < 16 || !out.is_contiguous()) {
      fill_one_by_one<T>(out, [&] { return next_normal(generator, mean, std); });
    } else if constexpr (std::is_floating_point_v<T>) {
      normal_blocks(out.as<T>(), size, static_cast<T>(mean), static_cast<T>(std), generator);
    } else {
      normal_half_blocks(out.as<T>(), size, static_cast<float>(mean), static_cast<float>(std), generator);
    }
  });
}

void random_log_normal(const TensorView& out, double mean, double std, Generator& generator) {
  std::lock_guard lock(generator.mutex());
  visit_floating(out.dtype, [&]<class T>(T) {
    fill_one_by_one<T>(out, [&] { return std::exp(next_normal(generator, mean, std)); });
  });
}

void random_cauchy(const TensorView& out, double median, double sigma, Generator& generator) {
  std::lock_guard lock(generator.mutex());
  visit_floating(out.dtype, [&]<class T>(T) {
    fill_from_words<T, 2>(out, generator, [&](const uint32_t* words) {
      return static_cast<T>(std::fma(sigma, std::tan(std::numbers::pi * (unit_double(words) - 0.5)), median));
    });
  });
}

void random_exponential(const TensorView& out, double lambda, Generator& generator) {
  std::lock_guard lock(generator.mutex());
  exponential_unlocked(out, lambda, generator);
}

void exponential_unlocked(const TensorView& out, double lambda, Generator& generator) {
  const double scale = -1.0 / lambda;
  visit_floating(out.dtype, [&]<class T>(T) {
    fill_from_words<T, 2>(
        out, generator, [&](const uint32_t* words) { return static_cast<T>(scale * std::log1p(-unit_double(words))); });
  });
}

}  // namespace tenon::cpu
