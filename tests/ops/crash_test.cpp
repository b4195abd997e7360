// Calls that end the process in other frameworks: here they have results or errors. Windows too large for any input are
// in pooling_test.cpp, hooks along deep graphs in autograd/deep_test.cpp.
#include <cstdint>
#include <limits>

#include "helpers.h"
#include "samples.h"
#include "tenon/backend/memory.h"

namespace tenon::testing {
namespace {

// The quotient of the least integer and -1 does not fit: it wraps, as NumPy's does, and nothing is left over.
template <class T>
void check_least_by_minus_one() {
  const T least = std::numeric_limits<T>::min();
  SCOPED_TRACE(dtype_v<T>);
  for (const int64_t size : {1, 3, 257}) {
    const std::vector<T> wrapped(static_cast<size_t>(size), least), none(static_cast<size_t>(size), 0);
    const Tensor x = full({size}, Scalar(least), dtype_v<T>), y = full({size}, -1, dtype_v<T>);
    for (const char* mode : {"floor", "trunc"}) {
      EXPECT_EQ(list<T>(div(x, y, mode)), wrapped);
      EXPECT_EQ(list<T>(div(x, -1, mode)), wrapped);
      EXPECT_EQ(list<T>(x.clone().div_(y, mode)), wrapped);
      EXPECT_EQ(list<T>(x.clone().div_(-1, mode)), wrapped);
    }
    EXPECT_EQ(list<T>(floor_divide(x, y)), wrapped);
    EXPECT_EQ(list<T>(x.clone().floor_divide_(-1)), wrapped);
    EXPECT_EQ(list<T>(remainder(x, y)), none);
    EXPECT_EQ(list<T>(remainder(x, -1)), none);
    EXPECT_EQ(list<T>(remainder(Scalar(least), y)), none);
    EXPECT_EQ(list<T>(fmod(x, y)), none);
    EXPECT_EQ(list<T>(fmod(x, -1)), none);
    EXPECT_EQ(list<T>(x % -1), none);
    EXPECT_EQ(list<T>(abs(x)), wrapped);
    EXPECT_EQ(list<T>(-x), wrapped);
    EXPECT_EQ(list<T>(mul(x, y)), wrapped);
    EXPECT_EQ(list<T>(gcd(x, y)), std::vector<T>(static_cast<size_t>(size), 1));
    EXPECT_EQ(list<T>(lcm(x, y)), wrapped);
  }
}

TEST(Crash, TheLeastIntegerDividedByMinusOne) {
  check_least_by_minus_one<int8_t>();
  check_least_by_minus_one<int16_t>();
  check_least_by_minus_one<int32_t>();
  check_least_by_minus_one<int64_t>();
}

TEST(Crash, TheLeastMeanDividedByMinusOne) {
  const int64_t least = std::numeric_limits<int64_t>::min();
  const Tensor x = full({1, 1, 1, 1}, least, kLong);
  EXPECT_EQ(list<int64_t>(avg_pool2d(x, 1, 1, 0, false, true, -1)), (Longs{least}));
  EXPECT_EQ(list<int64_t>(avg_pool2d(x.neg().sub_(1), 1, 1, 0, false, true, -2)), (Longs{-(INT64_MAX / 2)}));
}

TEST(Crash, ViewsOfMoreElementsThan64BitsCount) {
  const Tensor many = zeros({1}).expand({int64_t{1} << 61});
  EXPECT_THROWS(TensorError, many.unfold(0, 1024, 1), "unfold: the number of elements of a tensor of shape [");
  EXPECT_THROWS(TensorError, zeros({1, 1}, kLong).expand({int64_t{1} << 61, 1}).view(kByte), "does not fit in 64 bits");
  EXPECT_THROWS(TensorError, view_as_real(zeros({1}, kComplexFloat).expand({int64_t{1} << 62})), "does not fit");
  EXPECT_EQ(many.unfold(0, 2, 1 << 30).sizes(), (IntArrayRef{int64_t{1} << 31, 2}));
}

// Windows over one memory, each element of which is in two of them: PyTorch edits it twice.
TEST(Crash, ElementsThatShareMemoryAreEditedInTurn) {
  constexpr int64_t kCount = 1 << 17;
  const auto windows = [](const Tensor& x) { return x.as_strided({kCount - 1, 2}, {1, 1}); };
  List expected(kCount, 2);
  expected.front() = expected.back() = 1;
  for (int repeat = 0; repeat < 3; ++repeat) {
    const Tensor x = zeros({kCount});
    windows(x).add_(1);
    ASSERT_EQ(list(x), expected);
    windows(x).copy_(ramp({kCount - 1, 2}));
    ASSERT_EQ(list(x.narrow(0, 0, 4)), (List{0, 2, 4, 6}));
    ASSERT_EQ(list(x.narrow(0, kCount / 2, 2)), (List{kCount, kCount + 2}));
    windows(x).masked_fill_(windows(x).ge(4), Scalar(3));
    ASSERT_EQ(list(x.narrow(0, 0, 4)), (List{0, 2, 3, 3}));
  }
}

TEST(Crash, AnyByteButZeroIsTrueInMemorySeenAsBool) {
  const Tensor mask = full({5000}, 255, kByte).view(kBool), x = ones({5000});
  EXPECT_EQ(nonzero(mask).size(0), 5000);
  EXPECT_EQ(masked_select(x, mask).numel(), 5000);
  EXPECT_EQ(x.index({mask}).numel(), 5000);
  for (const Tensor& count : {mask.sum(), count_nonzero(mask), mask.to(kLong).sum(), mask.mul(x).sum()}) {
    EXPECT_EQ(count.item<int64_t>(), 5000);
  }
  EXPECT_EQ(list<uint8_t>(mask.any().view(kByte)), std::vector<uint8_t>{1});
  EXPECT_EQ(list<uint8_t>(mask.all().view(kByte)), std::vector<uint8_t>{1});
}

TEST(Crash, AFailedAllocationTellsWhatWasAskedForAndWhatIsInUse) {
  const size_t limit = memory_stats().limit;
  set_memory_limit(memory_stats().in_use + (size_t{1} << 20));
  const std::string message = message_of<OutOfMemoryError>([] { ones({1}).expand({1 << 20}).contiguous(); });
  set_memory_limit(limit);
  for (const char* part : {"contiguous: ", "requested 4194304 bytes", "in use ", "peak ", "limit "}) {
    EXPECT_PRED2(has_part, message, part);
  }
  EXPECT_THROWS(OutOfMemoryError, empty({int64_t{1} << 50}), "requested 4503599627370496 bytes");
}

// Calls `compute` with `bytes` more memory than is in use, and returns its error.
template <class Compute>
std::string error_with_room_for(size_t bytes, Compute compute) {
  const size_t limit = memory_stats().limit;
  set_memory_limit(memory_stats().in_use + bytes);
  const std::string message = message_of<OutOfMemoryError>(compute);
  set_memory_limit(limit);
  return message;
}

TEST(Crash, WhatAKernelKeepsBesidesTensorsCountsTowardsTheMemoryLimit) {
  const Tensor x = generic_values({1 << 18}, 1, kFloat), image = x.view({1, 16, 128, 128});
  const Tensor weight = generic_values({1, 16, 5, 5}, 2, kFloat);
  // Results alone would fit.
  EXPECT_PRED2(has_part, error_with_room_for(size_t{4} << 20, [&] { x.sort(); }), "sort: out of memory: requested");
  EXPECT_PRED2(has_part, error_with_room_for(size_t{96} << 10, [&] { conv2d(image, weight); }),
               "out of memory: requested");
}

// A column for every position at once would take 276 GB.
TEST(Crash, AConvolutionUnfoldsItsInputInParts) {
  const Tensor x = ones({1, 1, 512, 512}), weight = zeros({1, 1, 512, 512});
  weight.select(2, 0).select(2, 511).fill_(1);
  reset_peak_memory();
  const size_t before = memory_stats().in_use;
  const Tensor some = conv2d(x, weight, {}, IntArrayRef{64}, IntArrayRef{256});
  EXPECT_EQ(some.sizes(), (IntArrayRef{1, 1, 9, 9}));
  EXPECT_LT(memory_stats().peak - before, size_t{64} << 20);
  // The one element of the kernel meets the image from row 256 on and before column 257.
  EXPECT_EQ(list(some.select(2, 0)), List(9, 0));
  EXPECT_EQ(list(some.select(2, 8)), (List{1, 1, 1, 1, 1, 0, 0, 0, 0}));
}

}  // namespace
}  // namespace tenon::testing
