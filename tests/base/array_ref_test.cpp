// Lists of sizes and dims, above all that a list made of one number does not outlive it.
#include "tenon/base/array_ref.h"

#include <gtest/gtest.h>

#include <vector>

namespace tenon {
namespace {

std::vector<int64_t> listed(OptionalIntArrayRef dims) { return dims ? dims->vec() : std::vector<int64_t>{-99}; }

TEST(OptionalIntArrayRef, TakesOneIntegerOfAnyTypeAsAListOfOne) {
  EXPECT_EQ(listed(0), std::vector<int64_t>{0});
  EXPECT_EQ(listed(-1), std::vector<int64_t>{-1});
  EXPECT_EQ(listed(int64_t{7}), std::vector<int64_t>{7});
  EXPECT_EQ(listed(size_t{3}), std::vector<int64_t>{3});
}

TEST(OptionalIntArrayRef, TakesListsAndTheirAbsence) {
  EXPECT_EQ(listed({1, 2}), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(listed(std::vector<int64_t>{4}), std::vector<int64_t>{4});
  EXPECT_EQ(listed(std::nullopt), std::vector<int64_t>{-99});
}

}  // namespace
}  // namespace tenon
