// Random numbers against PyTorch's: values, layouts and how far each call moves the generator.
#include "backend/cpu/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <ostream>
#include <string>
#include <vector>

#include "tenon/base/dim_vector.h"
#include "tenon/base/parallel.h"
#include "tenon/base/shape.h"

namespace tenon {
namespace {

enum Layout { Contiguous, Strided, Transposed, Permuted };

// A parameter as it is written in the reference file: 64-bit integers would not survive as doubles.
struct Number {
  double real;
  int64_t integer;
  Number(double value) : real(value), integer(0) {}
  Number(int value) : real(value), integer(value) {}
  Number(int64_t value) : real(static_cast<double>(value)), integer(value) {}
};

struct Case {
  std::string function;
  ScalarType dtype;
  uint64_t seed;
  Layout layout;
  int64_t size;
  Number a, b;
  uint64_t value_hash, state_hash;
  std::vector<double> values;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.function << ' ' << c.dtype << " seed " << c.seed << " size " << c.size << " layout " << c.layout;
}

const std::vector<Case>& reference() {
  static const std::vector<Case> cases = {
#define RANDOM_CASE(function, dtype, seed, layout, size, a, b, value_hash, state_hash, ...) \
  {#function, dtype, seed, layout, size, a, b, value_hash, state_hash, {__VA_ARGS__}},
#include "backend/random_reference.inc"
#undef RANDOM_CASE
  };
  return cases;
}

uint64_t fnv(const uint8_t* data, size_t count) {
  uint64_t value = 0xcbf29ce484222325u;
  for (size_t i = 0; i < count; ++i) value = (value ^ data[i]) * 0x100000001b3u;
  return value;
}

// Memory with a view on it.
struct Array {
  std::vector<uint8_t> bytes;
  DimVector sizes, strides;
  ScalarType dtype;

  Array(ScalarType t, DimVector shape, DimVector step, int64_t extent)
      : bytes(static_cast<size_t>(extent) * element_size(t)), sizes(shape), strides(step), dtype(t) {}
  TensorView view() { return {bytes.data(), dtype, sizes, strides}; }

  // The elements' bytes in logical order.
  std::vector<uint8_t> packed() const {
    std::vector<uint8_t> result;
    const size_t width = element_size(dtype);
    int64_t numel = 1;
    for (int64_t s : sizes) numel *= s;
    for (int64_t i = 0; i < numel; ++i) {
      int64_t rest = i, offset = 0;
      for (size_t d = sizes.size(); d-- > 0;) {
        offset += rest % sizes[d] * strides[d];
        rest /= sizes[d];
      }
      const uint8_t* element = bytes.data() + static_cast<size_t>(offset) * width;
      result.insert(result.end(), element, element + width);
    }
    return result;
  }
};

Array make_array(ScalarType dtype, Layout layout, int64_t size) {
  switch (layout) {
    case Strided:
      return {dtype, {size}, {2}, 2 * size};
    case Transposed:
      return {dtype, {3, size / 3}, {1, 3}, size};
    case Permuted:
      return {dtype, {3, size / 6, 2}, {size / 6, 1, size / 2}, size};
    case Contiguous:
      break;
  }
  return {dtype, {size}, {1}, size};
}

double element(const std::vector<uint8_t>& packed, ScalarType dtype, size_t i) {
  return visit_dtype(dtype, [&]<class T>(T value) -> double {
    std::memcpy(static_cast<void*>(&value), packed.data() + i * sizeof(T), sizeof(T));
    if constexpr (std::is_same_v<T, std::complex<float>> || std::is_same_v<T, std::complex<double>>) {
      return static_cast<double>(value.real());
    } else {
      return static_cast<double>(value);
    }
  });
}

void store(Array& array, int64_t i, double value) {
  visit_dtype(array.dtype, [&]<class T>(T) {
    if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
      array.view().as<T>()[i] = T(static_cast<float>(value));
    } else if constexpr (std::is_floating_point_v<T>) {
      array.view().as<T>()[i] = static_cast<T>(value);
    }
  });
}

Array multinomial(const Case& c, Generator& generator) {
  const int64_t rows = c.size, columns = 37, samples = c.a.integer;
  const DimVector strides = c.layout == Transposed ? DimVector{1, rows} : DimVector{columns, 1};
  Array weights(c.dtype, {rows, columns}, strides, rows * columns);
  for (int64_t i = 0; i < rows * columns; ++i) {
    store(weights, i / columns * strides[0] + i % columns * strides[1], static_cast<double>(i * 7 % 11));
  }
  Array out(kLong, {rows, samples}, {samples, 1}, rows * samples);
  cpu_random.multinomial(out.view(), weights.view(), c.b.integer != 0, generator);
  return out;
}

Array run(const Case& c, Generator& generator) {
  if (c.function == "multinomial") return multinomial(c, generator);
  Array out = make_array(c.dtype, c.layout, c.size);
  const TensorView view = out.view();
  const std::string& f = c.function;
  const double a = c.a.real, b = c.b.real;
  if (f == "uniform") cpu_random.uniform(view, a, b, generator);
  if (f == "normal") cpu_random.normal(view, a, b, generator);
  if (f == "log_normal") cpu_random.log_normal(view, a, b, generator);
  if (f == "cauchy") cpu_random.cauchy(view, a, b, generator);
  if (f == "exponential") cpu_random.exponential(view, a, generator);
  if (f == "geometric") cpu_random.geometric(view, a, generator);
  if (f == "integers") {
    const auto range = static_cast<uint64_t>(c.b.integer) - static_cast<uint64_t>(c.a.integer);
    cpu_random.integers(view, range, c.a.integer, generator);
  }
  if (f == "full_integers") cpu_random.integers(view, 0, 0, generator);
  if (f == "any_integers") cpu_random.any_integers(view, generator);
  if (f == "bernoulli") cpu_random.bernoulli(view, a, generator);
  if (f == "dropout") cpu_random.dropout_mask(view, a, generator);
  if (f == "permutation") cpu_random.permutation(view, generator);
  if (f.starts_with("bernoulli_")) {
    const ScalarType p_dtype = f == "bernoulli_kDouble" ? kDouble
                               : f == "bernoulli_kHalf" ? kHalf
                               : f == "bernoulli_kFloat" ? kFloat : kBFloat16;
    Array p = make_array(p_dtype, Contiguous, c.size);
    for (int64_t i = 0; i < c.size; ++i) store(p, i, static_cast<double>(i) / static_cast<double>(c.size));
    cpu_random.bernoulli_each(view, p.view(), generator);
  }
  return out;
}

// Whether a function's values go through libm or vector approximations of it, which round differently.
bool is_approximate(const std::string& f) {
  return f == "normal" || f == "log_normal" || f == "cauchy" || f == "exponential";
}

// A few roundings of the dtype; of float32 normal numbers, what PyTorch's own vector approximations leave.
double tolerance(const Case& c) {
  switch (c.dtype) {
    case kDouble:
      return 1e-14;
    case kFloat:
      return c.function == "normal" ? 2e-6 : 1.5e-7;
    case kHalf:
      return 1e-3;
    default:
      return 8e-3;
  }
}

uint64_t engine_hash(const Generator& generator) {
  // The kept normal number after these bytes is approximate.
  return fnv(generator.get_state().data(), 24 + 8 * 624);
}

TEST(Random, GivesPyTorchsValuesAndMovesTheGeneratorAsFar) {
  ASSERT_GT(reference().size(), 300u);
  for (const Case& c : reference()) {
    SCOPED_TRACE(testing::PrintToString(c));
    Generator generator(c.seed);
    const Array out = run(c, generator);
    const std::vector<uint8_t> packed = out.packed();
    const size_t count = packed.size() / element_size(out.dtype);
    if (!is_approximate(c.function)) {
      EXPECT_EQ(fnv(packed.data(), packed.size()), c.value_hash);
    }
    for (size_t k = 0; k < c.values.size(); ++k) {
      const double seen = element(packed, out.dtype, k * (count - 1) / (c.values.size() - 1));
      const double limit = is_approximate(c.function) ? tolerance(c) * std::max(std::abs(c.values[k]), 0.3) : 0;
      EXPECT_NEAR(seen, c.values[k], limit) << "probe " << k;
    }
    EXPECT_EQ(engine_hash(generator), c.state_hash);
  }
}

TEST(Random, IsTheSameForAnyNumberOfThreads) {
  const int previous = get_num_threads();
  std::vector<uint8_t> expected;
  for (int threads : {1, 2, 5}) {
    set_num_threads(threads);
    Generator generator(7);
    Array out = make_array(kFloat, Contiguous, 100003);
    cpu_random.normal(out.view(), 0, 1, generator);
    if (expected.empty()) expected = out.bytes;
    EXPECT_EQ(out.bytes, expected) << threads;
  }
  set_num_threads(previous);
}

TEST(Random, NormalNumbersHaveTheMomentsAskedFor) {
  Generator generator(1);
  Array out = make_array(kFloat, Contiguous, 400000);
  cpu_random.normal(out.view(), 2, 3, generator);
  double sum = 0, squares = 0;
  const float* values = out.view().as<float>();
  for (int i = 0; i < 400000; ++i) sum += values[i];
  const double mean = sum / 400000;
  for (int i = 0; i < 400000; ++i) squares += (values[i] - mean) * (values[i] - mean);
  EXPECT_NEAR(mean, 2, 0.025);
  EXPECT_NEAR(std::sqrt(squares / 400000), 3, 0.02);
}

TEST(Random, KeepsTheSecondNormalOfAPairForTheNextCall) {
  Generator whole(3), parts(3);
  Array expected = make_array(kDouble, Contiguous, 4);
  cpu_random.normal(expected.view(), 0, 1, whole);
  std::vector<uint8_t> seen;
  for (int64_t size : {1, 3}) {
    Array out = make_array(kDouble, Contiguous, size);
    cpu_random.normal(out.view(), 0, 1, parts);
    seen.insert(seen.end(), out.bytes.begin(), out.bytes.end());
  }
  EXPECT_EQ(seen, expected.bytes);
}

TEST(Random, FillsEmptyViewsWithoutDrawing) {
  Generator generator(3);
  const auto before = generator.get_state();
  Array out(kFloat, {3, 0, 2}, {0, 2, 1}, 0);
  cpu_random.uniform(out.view(), 0, 1, generator);
  cpu_random.normal(out.view(), 0, 1, generator);
  cpu_random.bernoulli(out.view(), 0.5, generator);
  EXPECT_EQ(generator.get_state(), before);
}

TEST(Random, DrawsEachElementOfABroadcastProbability) {
  Generator a(5), b(5);
  Array p(kFloat, {4, 50}, {0, 0}, 1);
  store(p, 0, 0.25);
  Array full(kFloat, {4, 50}, {50, 1}, 200);
  for (int i = 0; i < 200; ++i) store(full, i, 0.25);
  Array x(kInt, {4, 50}, {50, 1}, 200), y(kInt, {4, 50}, {50, 1}, 200);
  cpu_random.bernoulli_each(x.view(), p.view(), a);
  cpu_random.bernoulli_each(y.view(), full.view(), b);
  EXPECT_EQ(x.bytes, y.bytes);
}

TEST(Random, RejectsProbabilitiesOutsideZeroToOneBeforeWriting) {
  for (double bad : {-0.1, 1.5, std::nan("")}) {
    Generator generator(5);
    const auto before = generator.get_state();
    Array p = make_array(kFloat, Contiguous, 3);
    store(p, 0, 1);
    store(p, 1, 1);
    store(p, 2, bad);
    Array out = make_array(kInt, Contiguous, 3);
    EXPECT_THROW(cpu_random.bernoulli_each(out.view(), p.view(), generator), TensorError);
    EXPECT_EQ(out.bytes, std::vector<uint8_t>(12));
    EXPECT_EQ(generator.get_state(), before);
  }
}

TEST(Random, RejectsWeightsThatAreNoDistribution) {
  for (double bad : {-1.0, std::nan(""), HUGE_VAL, 0.0}) {
    for (bool replacement : {false, true}) {
      Generator generator(5);
      Array weights(kFloat, {2, 2}, {2, 1}, 4);
      store(weights, 0, 1);
      store(weights, 2, bad);
      Array out(kLong, {2, 2}, {2, 1}, 4);
      EXPECT_THROW(cpu_random.multinomial(out.view(), weights.view(), replacement, generator), TensorError) << bad;
    }
  }
}

}  // namespace
}  // namespace tenon
