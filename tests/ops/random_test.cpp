// Draws whose parameters are tensors.
#include "helpers.h"

namespace tenon::testing {
namespace {

TEST(Bernoulli, ReadsItsProbabilitiesBeforeItWritesOverThem) {
  const Tensor x = floats({0, 0, 1, 1, 0, 0, 1, 1, 0}, {3, 3});
  const List transposed = list(x.t());
  x.bernoulli_(x.t());
  EXPECT_EQ(list(x), transposed);
}

}  // namespace
}  // namespace tenon::testing
