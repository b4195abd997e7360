// Calls that end the process in other frameworks: here they have results or errors. Windows too large for any input are
// in pooling_test.cpp, hooks along deep graphs in autograd/deep_test.cpp.
#include <cstdint>
#include <limits>

#include "helpers.h"
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

}  // namespace
}  // namespace tenon::testing
