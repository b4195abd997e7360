// Pooling, padding and sliding blocks: values, positions and gradients against PyTorch's, and hostile arguments.
#include <cmath>
#include <limits>

#include "helpers.h"

namespace tenon::testing {
namespace {

constexpr int64_t kHuge = int64_t{1} << 62;
constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

Tensor image() { return floats({3, -1, 4, 1, -5, 9, 2, 6, -5, 3, 5, -8, 9, 7, 9, -3}, {1, 4, 4}); }

// The gradient of the sum of y times 1, 2, 3 ...
List gradient(const Tensor& y, const Tensor& x) {
  std::vector<int64_t> sizes(y.sizes().begin(), y.sizes().end());
  sum(mul(y, add(ramp(sizes), Scalar(1)))).backward();
  return list(x.grad());
}

void expect_near(const List& actual, const List& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 1e-4) << "at " << i;
}

TEST(MaxPool, FindsTheLargestAndItsPlaceInDilatedOverlappingWindows) {
  const Tensor x = image().requires_grad_(true);
  const auto [values, indices] = max_pool2d_with_indices(x, 2, 1, 1, 2, false);
  EXPECT_EQ(list(values), (List{9, 2, 9, 2, 3, 5, 3, 5, 9, 9, 9, 9, 3, 5, 3, 5}));
  EXPECT_EQ(list<int64_t>(indices), (Longs{5, 6, 5, 6, 9, 10, 9, 10, 5, 12, 5, 14, 9, 10, 9, 10}));
  EXPECT_EQ(gradient(values, x), (List{0, 0, 0, 0, 0, 24, 6, 0, 0, 40, 44, 0, 10, 0, 12, 0}));
}

TEST(MaxPool, CeilModeAddsAWindowThatHangsOver) {
  const auto [values, indices] = max_pool2d_with_indices(image(), 3, 2, 1, 1, true);
  EXPECT_EQ(list(values), (List{9, 9, 6, 9, 9, 6, 9, 9, -3}));
  EXPECT_EQ(list<int64_t>(indices), (Longs{5, 5, 7, 5, 5, 7, 12, 14, 15}));
}

TEST(MaxPool, ANanIsTheLargest) {
  EXPECT_TRUE(std::isnan(list(max_pool1d(floats({1, NAN, 3}, {1, 3}), 3))[0]));
}

TEST(AdaptiveMaxPool, CellsMayOverlap) {
  const auto [values, indices] = adaptive_max_pool2d_with_indices(image(), 3);
  EXPECT_EQ(list(values), (List{9, 9, 6, 9, 9, 6, 9, 9, 9}));
  EXPECT_EQ(list<int64_t>(indices), (Longs{5, 5, 7, 5, 5, 7, 12, 14, 14}));
}

TEST(AvgPool, LeavesPaddingOutOfTheMeanOnRequest) {
  const Tensor x = image().requires_grad_(true);
  const Tensor y = avg_pool2d(x, 3, 2, 1, true, false);
  expect_near(list(y), {1.5, 3.5, 3.5, 3, 3.3333333f, -1.6666666f, 8, 4.3333333f, -3});
  expect_near(gradient(y, x), {0.25f, 0.58333f, 0.33333f, 1.83333f, 0.91667f, 1.80556f, 0.88889f, 4.38889f, 0.66667f,
                               1.22222f, 0.55556f, 2.55556f, 4.16667f, 7.38889f, 3.22222f, 14.22222f});
}

TEST(AvgPool, CountsPaddingButNotWhatCeilModeAdds) {
  expect_near(list(avg_pool2d(image(), 3, 2, 1, true, true)),
              {0.66667f, 2.33333f, 1.16667f, 2, 3.33333f, -0.83333f, 2.66667f, 2.16667f, -0.75f});
}

TEST(AdaptiveAvgPool, DividesUnevenly) {
  EXPECT_EQ(list(adaptive_avg_pool2d(image(), 3)), (List{1.5, 3.5, 3.25, 0.5, 4.75, 1.25, 3.5, 6, 0.75}));
}

TEST(AvgPool, ItsGradientIsDifferentiable) {
  const Tensor x = image().requires_grad_(true);
  const Tensor g = ramp({1, 2, 2}).requires_grad_(true);
  // d/dg <w, gradient of <g, mean(x)>> is mean(w).
  const std::vector<Tensor> first = autograd::grad({sum(mul(avg_pool2d(x, 2), g))}, {x}, {}, nullopt, true);
  sum(mul(first[0], ramp({1, 4, 4}))).backward();
  EXPECT_EQ(list(g.grad()), (List{2.5, 4.5, 10.5, 12.5}));
}

TEST(Pooling, RefusesWindowsThatCannotBe) {
  const Tensor x = image();
  for (const int64_t kernel : {kHuge, kMost, int64_t{0}, int64_t{-1}, int64_t{5}}) {
    EXPECT_THROW(max_pool2d(x, kernel), TensorError) << kernel;
    EXPECT_THROW(avg_pool2d(x, kernel), TensorError) << kernel;
  }
  EXPECT_THROW(max_pool2d(x, 2, -1), TensorError);
  EXPECT_THROW(max_pool2d(x, 2, 1, 2), TensorError);
  EXPECT_THROW(max_pool2d(x, 2, 1, -1), TensorError);
  EXPECT_THROW(max_pool2d(x, 2, 1, 0, 0), TensorError);
  EXPECT_THROW(max_pool2d(x, 2, 1, 0, kMost), TensorError);
  EXPECT_THROW(max_pool2d(x, kMost, kMost, kMost / 2, 1, true), TensorError);
  EXPECT_THROW(adaptive_avg_pool2d(x, -1), TensorError);
  EXPECT_THROW(adaptive_avg_pool2d(x, kHuge), Error);
  EXPECT_THROW(max_pool2d(zeros({1, 0, 4}), 1), TensorError);
  EXPECT_THROW(max_pool2d(zeros({4, 4}), 1), TensorError);
  EXPECT_EQ(message_of<TensorError>([&] { avg_pool2d(x, 2, 2, 0, false, true, 0); }),
            "avg_pool2d: divisor_override must not be zero");
}

TEST(Pooling, AnEmptyBatchGivesAnEmptyResult) {
  EXPECT_EQ(max_pool2d(zeros({0, 3, 4, 4}), 2).sizes(), IntArrayRef({0, 3, 2, 2}));
  EXPECT_EQ(adaptive_avg_pool2d(zeros({0, 3, 4, 4}), 1).sizes(), IntArrayRef({0, 3, 1, 1}));
}

TEST(MaxUnpool, RefusesPlacesOutsideThePlane) {
  EXPECT_THROW(max_unpool1d(floats({1, 2}, {1, 2}), longs({0, 100}, {1, 2}), 2), Error);
  EXPECT_EQ(list(max_unpool1d(floats({1, 2}, {1, 2}), longs({1, 2}, {1, 2}), 2)), (List{0, 1, 2, 0}));
}

TEST(Pad, ReflectsAndCrops) {
  EXPECT_EQ(list(pad(image(), {2, -1, 1, 1}, "reflect")),
            (List{2, 9, -5, 9, 2, 4, -1, 3, -1, 4, 2, 9, -5, 9, 2, 5, 3, -5, 3, 5, 9, 7, 9, 7, 9, 5, 3, -5, 3, 5}));
}

TEST(Pad, RefusesAmountsThatCannotBe) {
  const Tensor x = image();
  for (const char* mode : {"constant", "reflect", "replicate", "circular"}) {
    EXPECT_THROW(pad(x, {kHuge, kHuge}, mode), Error) << mode;
    EXPECT_THROW(pad(x, {-kMost - 1, kMost}, mode), TensorError) << mode;
    EXPECT_THROW(pad(x, {-5, 0}, mode), TensorError) << mode;
    EXPECT_THROW(pad(x, {1}, mode), TensorError) << mode;
  }
  EXPECT_THROW(pad(x, {4, 0}, "reflect"), TensorError);
  EXPECT_THROW(pad(x, {5, 0}, "circular"), TensorError);
}

TEST(Fold, SumsWhatUnfoldRepeats) {
  // Each element as often as 2x2 blocks of a 3x3 image hold it.
  EXPECT_EQ(list(fold(unfold(ones({1, 1, 3, 3}), 2), 3, 2)), (List{1, 2, 1, 2, 4, 2, 1, 2, 1}));
}

}  // namespace
}  // namespace tenon::testing
