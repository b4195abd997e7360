// The engine that runs elementwise kernels over any views: against plain loops over the same elements.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <random>

#include "backend/elementwise_test.h"
#include "tenon/base/parallel.h"

namespace tenon {
namespace {

class EngineOnIsa : public EachIsa {};
INSTANTIATE_TEST_SUITE_P(Elementwise, EngineOnIsa, kEveryIsa, isa_test_name);

TEST_P(EngineOnIsa, AResultDoesNotDependOnItsPositionInTheVector) {
  std::vector<float> values(70);
  for (size_t i = 0; i < values.size(); ++i) values[i] = 0.37f * static_cast<float>(i) - 12;
  values[5] = 1e7f;  // one lane takes the slow way
  for (Kernel kernel : {Kernel::exp, Kernel::sin, Kernel::tanh, Kernel::gelu_erf, Kernel::log1p}) {
    const auto whole = one(kernel, values);
    for (size_t n = 0; n <= values.size(); ++n) {
      std::vector<float> part(values.end() - static_cast<long>(n), values.end());
      if (n == 0) continue;
      const auto y = one(kernel, part);
      for (size_t i = 0; i < n; ++i) {
        EXPECT_EQ(std::bit_cast<uint32_t>(y[i]), std::bit_cast<uint32_t>(whole[values.size() - n + i]))
            << n << " " << i;
      }
    }
  }
}

TEST_P(EngineOnIsa, TailsWriteNothingBeyondTheEnd) {
  for (int64_t n = 0; n <= 70; ++n) {
    std::vector<float> a(70, 3), out(70, -1);
    std::vector<uint8_t> flags(70, 9);
    const std::vector<int64_t> sizes{n}, strides{1};
    const Operand operands[] = {view_of(a, sizes, strides), Scalar(2.0)};
    cpu::elementwise_table().run(Kernel::mul, kFloat, view_of(out, sizes, strides), operands, 2, nullptr);
    TensorView flag_view = view_of(flags, sizes, strides);
    flag_view.dtype = kBool;
    cpu::elementwise_table().run(Kernel::gt, kFloat, flag_view, operands, 2, nullptr);
    for (int64_t i = 0; i < 70; ++i) {
      EXPECT_EQ(out[static_cast<size_t>(i)], i < n ? 6 : -1);
      EXPECT_EQ(flags[static_cast<size_t>(i)], i < n ? 1 : 9);
    }
  }
}

// A random strided layout over its own memory: permuted dims, steps, and (for inputs) broadcast dims.
struct Layout {
  std::vector<int64_t> strides;
  int64_t span = 1;
};
Layout random_layout(const std::vector<int64_t>& sizes, bool may_broadcast, std::mt19937& generator) {
  std::vector<size_t> order(sizes.size());
  for (size_t d = 0; d < order.size(); ++d) order[d] = d;
  std::shuffle(order.begin(), order.end(), generator);
  Layout layout{std::vector<int64_t>(sizes.size()), 1};
  for (size_t d : order) {
    if (may_broadcast && generator() % 5 == 0) continue;
    const int64_t step = generator() % 3 == 0 ? 2 : 1;
    layout.strides[d] = layout.span * step;
    layout.span *= sizes[d] * step;
  }
  return layout;
}

template <class Visit>
void for_each_index(const std::vector<int64_t>& sizes, Visit visit) {
  std::vector<int64_t> index(sizes.size());
  for (;;) {
    visit(index);
    size_t d = sizes.size();
    while (d > 0 && ++index[d - 1] == sizes[d - 1]) index[--d] = 0;
    if (d == 0) return;
  }
}
int64_t offset_of(const std::vector<int64_t>& index, const std::vector<int64_t>& strides) {
  int64_t offset = 0;
  for (size_t d = 0; d < index.size(); ++d) offset += index[d] * strides[d];
  return offset;
}

template <class A, class B, class Out>
void expect_strided_sum(std::vector<int64_t> sizes, std::mt19937& generator) {
  const Layout la = random_layout(sizes, true, generator), lb = random_layout(sizes, true, generator),
               lo = random_layout(sizes, false, generator);
  std::vector<A> a(static_cast<size_t>(la.span));
  std::vector<B> b(static_cast<size_t>(lb.span));
  std::vector<Out> out(static_cast<size_t>(lo.span), Out(99));
  for (auto& v : a) v = A(static_cast<float>(generator() % 50));
  for (auto& v : b) v = B(static_cast<float>(generator() % 50));
  const Operand operands[] = {view_of(a, sizes, la.strides), view_of(b, sizes, lb.strides)};
  cpu::elementwise_table().run(Kernel::add2, kFloat, view_of(out, sizes, lo.strides), operands, 2, nullptr);
  std::vector<bool> written(out.size());
  for_each_index(sizes, [&](const std::vector<int64_t>& index) {
    const auto at = static_cast<size_t>(offset_of(index, lo.strides));
    written[at] = true;
    const float want = static_cast<float>(a[static_cast<size_t>(offset_of(index, la.strides))]) +
                       static_cast<float>(b[static_cast<size_t>(offset_of(index, lb.strides))]);
    ASSERT_EQ(static_cast<float>(out[at]), want);
  });
  for (size_t i = 0; i < out.size(); ++i) {
    ASSERT_TRUE(written[i] || static_cast<float>(out[i]) == 99) << "wrote between the elements";
  }
}

TEST_P(EngineOnIsa, AnyStridesBroadcastsAndDtypesGiveTheSameSums) {
  std::mt19937 generator(11);
  const int64_t choices[] = {1, 2, 3, 5, 8, 33, 70};
  for (int round = 0; round < 60; ++round) {
    std::vector<int64_t> sizes(generator() % 5);
    for (auto& s : sizes) s = choices[generator() % 7];
    int64_t n = 1;
    for (auto& s : sizes) {
      if (n * s > 50000) s = 1;
      n *= s;
    }
    expect_strided_sum<float, float, float>(sizes, generator);
    expect_strided_sum<float, int32_t, double>(sizes, generator);
    expect_strided_sum<Half, uint8_t, Half>(sizes, generator);
    expect_strided_sum<BFloat16, float, int64_t>(sizes, generator);
  }
  expect_strided_sum<float, float, float>({300, 301}, generator);
  expect_strided_sum<double, float, float>({2, 130, 257}, generator);
}

TEST_P(EngineOnIsa, AnOutputMayBeItsInput) {
  for (int64_t n : {1, 7, 64, 1000, 100000}) {
    std::vector<float> x(static_cast<size_t>(2 * n), 3);
    for (int64_t step : {1, 2}) {
      std::fill(x.begin(), x.end(), 3.0f);
      const std::vector<int64_t> sizes{n}, strides{step};
      const TensorView v = view_of(x, sizes, strides);
      const Operand operands[] = {v, v};
      cpu::elementwise_table().run(Kernel::mul, kFloat, v, operands, 2, nullptr);
      for (int64_t i = 0; i < 2 * n; ++i) {
        ASSERT_EQ(x[static_cast<size_t>(i)], i % step == 0 && i / step < n ? 9 : 3) << n << " " << i;
      }
    }
  }
}

TEST_P(EngineOnIsa, ResultsAreBitwiseEqualOnAnyNumberOfThreads) {
  const int before = get_num_threads();
  std::vector<float> a(200003), b(200003);
  std::mt19937 generator(5);
  std::normal_distribution<float> normal;
  for (auto& v : a) v = normal(generator);
  for (auto& v : b) v = normal(generator);
  std::vector<std::vector<float>> results;
  for (int threads : {1, 2, 3}) {
    set_num_threads(threads);
    results.push_back(run<float, float>(Kernel::logaddexp, {a, b}));
  }
  set_num_threads(before);
  EXPECT_EQ(std::memcmp(results[0].data(), results[1].data(), a.size() * sizeof(float)), 0);
  EXPECT_EQ(std::memcmp(results[0].data(), results[2].data(), a.size() * sizeof(float)), 0);
}

TEST_P(EngineOnIsa, TransposedCopiesAreExact) {
  for (auto [rows, cols] : {std::pair<int64_t, int64_t>{64, 64}, {130, 257}, {1000, 33}, {7, 500}}) {
    std::vector<float> from(static_cast<size_t>(rows * cols)), to(from.size());
    for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<float>(i);
    const std::vector<int64_t> sizes{cols, rows}, from_strides{1, cols}, to_strides{rows, 1};
    cpu::elementwise_table().copy(view_of(to, sizes, to_strides), view_of(from, sizes, from_strides));
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < cols; ++c) {
        ASSERT_EQ(to[static_cast<size_t>(c * rows + r)], from[static_cast<size_t>(r * cols + c)]);
      }
    }
  }
}

// What PyTorch 2.13 gives on x86.
TEST_P(EngineOnIsa, FloatsThatDoNotFitAnIntegerConvertAsPyTorchDoes) {
  std::vector<float> x = {NAN, INFINITY, -INFINITY, 3e9f, -3e9f, 1e20f, 300, -1, 40000, 2.9f, -2.9f};
  const std::vector<int64_t> sizes{static_cast<int64_t>(x.size())}, strides{1};
  const TensorView source = view_of(x, sizes, strides);
  std::vector<int32_t> i32(x.size());
  std::vector<int64_t> i64(x.size());
  std::vector<uint8_t> u8(x.size());
  std::vector<int16_t> i16(x.size());
  cpu::elementwise_table().copy(view_of(i32, sizes, strides), source);
  cpu::elementwise_table().copy(view_of(i64, sizes, strides), source);
  cpu::elementwise_table().copy(view_of(u8, sizes, strides), source);
  cpu::elementwise_table().copy(view_of(i16, sizes, strides), source);
  constexpr int32_t kLow = INT32_MIN;
  EXPECT_EQ(i32, (std::vector<int32_t>{kLow, kLow, kLow, kLow, kLow, kLow, 300, -1, 40000, 2, -2}));
  EXPECT_EQ(i64, (std::vector<int64_t>{INT64_MIN, INT64_MIN, INT64_MIN, 3000000000, -3000000000, INT64_MIN, 300, -1,
                                       40000, 2, -2}));
  EXPECT_EQ(u8, (std::vector<uint8_t>{0, 0, 0, 0, 0, 0, 44, 255, 64, 2, 254}));
  EXPECT_EQ(i16, (std::vector<int16_t>{0, 0, 0, 0, 0, 0, 300, -1, -25536, 2, -2}));
}

TEST_P(EngineOnIsa, EveryHalfConvertsToFloatAndBack) {
  std::vector<Half> halves(65536), back(65536);
  std::vector<float> floats(65536);
  for (uint32_t i = 0; i < 65536; ++i) halves[i].bits = static_cast<uint16_t>(i);
  const std::vector<int64_t> sizes{65536}, strides{1};
  cpu::elementwise_table().copy(view_of(floats, sizes, strides), view_of(halves, sizes, strides));
  cpu::elementwise_table().copy(view_of(back, sizes, strides), view_of(floats, sizes, strides));
  for (uint32_t i = 0; i < 65536; ++i) {
    const bool nan = (i & 0x7fff) > 0x7c00;
    if (nan) {
      EXPECT_TRUE(std::isnan(floats[i]));
      EXPECT_GT(back[i].bits & 0x7fff, 0x7c00);
    } else {
      ASSERT_EQ(back[i].bits, i);
    }
  }
  EXPECT_EQ(floats[0x3c00], 1.0f);
  EXPECT_EQ(floats[1], 0x1p-24f);
}

TEST(ElementwiseFill, FillsAnyLayoutAndNothingElse) {
  std::vector<int16_t> x(100, 7);
  const std::vector<int64_t> sizes{5, 4}, strides{3, 20};
  cpu::elementwise_table().fill(view_of(x, sizes, strides), Scalar(-2));
  for (int64_t i = 0; i < 100; ++i) {
    const bool inside = i % 20 % 3 == 0 && i % 20 / 3 < 5 && i / 20 < 4;
    EXPECT_EQ(x[static_cast<size_t>(i)], inside ? -2 : 7) << i;
  }
}

TEST(ElementwiseEngine, AnUnclaimedDtypeRaisesAnErrorThatNamesTheOp) {
  std::vector<int32_t> x(3, 1), y(3);
  const std::vector<int64_t> sizes{3}, strides{1};
  const Operand operands[] = {view_of(x, sizes, strides)};
  try {
    cpu::elementwise_table().run(Kernel::exp, kInt, view_of(y, sizes, strides), operands, 1, nullptr);
    FAIL() << "no error";
  } catch (const NotImplementedError& error) {
    EXPECT_NE(std::string(error.what()).find("exp"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("int32"), std::string::npos);
  }
}

}  // namespace
}  // namespace tenon
