// Values and gradients of the ops that join, split, rearrange and index, against PyTorch's; see shape_reference.inc.
#include <cmath>

#include "helpers.h"

namespace tenon::testing {
namespace {

using indexing::Ellipsis;
using indexing::None;
using indexing::Slice;

// x with something assigned to a part of it, as a recorded op.
template <class Value>
Tensor assigned(const Tensor& x, std::initializer_list<TensorIndex> at, const Value& value) {
  Tensor out = x * 1;
  out.index_put_(at, value);
  return out;
}

template <class Edit>
Tensor edited(const Tensor& x, const Edit& edit) {
  Tensor out = x * 1;
  edit(out);
  return out;
}

struct Case {
  const char* name;
  Tensor (*run)(const Tensor& x, const Tensor& y);
  Longs sizes;
  List values;
  List grad_x, grad_y;
};

#define UNWRAP(...) __VA_ARGS__
#define CASE(name, expression, sizes, values, dx, dy)                                                     \
  {#name, []([[maybe_unused]] const Tensor& x, [[maybe_unused]] const Tensor& y) -> Tensor { return expression; }, \
   UNWRAP sizes, UNWRAP values, UNWRAP dx, UNWRAP dy},
const Case kCases[] = {
#include "shape_reference.inc"
};

// Element i is ((i * step + start) mod 24) / 4 + shift.
Tensor scrambled(int step, int start, float shift) {
  List data(24);
  for (int i = 0; i < 24; ++i) data[static_cast<size_t>(i)] = static_cast<float>((i * step + start) % 24) / 4 + shift;
  return floats(data, {2, 3, 4}).requires_grad_();
}

void expect_near(const List& actual, const List& expected, const char* what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  for (size_t i = 0; i < actual.size(); ++i) {
    EXPECT_NEAR(actual[i], expected[i], 2e-6f * (1 + std::abs(expected[i]))) << what << " at element " << i;
  }
}

void expect_grad(const Tensor& leaf, const List& expected, const char* what) {
  if (leaf.grad().defined()) {
    expect_near(list(leaf.grad()), expected.empty() ? List(24, 0.0f) : expected, what);
  } else {
    EXPECT_TRUE(expected.empty()) << what << " is missing";
  }
}

class ShapeReference : public ::testing::TestWithParam<Case> {};

TEST_P(ShapeReference, AgreesWithPyTorch) {
  const Case& c = GetParam();
  const Tensor x = scrambled(7, 0, -2.75f), y = scrambled(5, 3, -3);
  const Tensor out = c.run(x, y);
  EXPECT_EQ(out.sizes().vec(), c.sizes);
  expect_near(list(out), c.values, "the result");
  const Tensor weights = (ramp({out.numel()}).remainder(7) - 2).view(out.sizes());
  (out * weights).sum().backward();
  expect_grad(x, c.grad_x, "the gradient of x");
  expect_grad(y, c.grad_y, "the gradient of y");
}

INSTANTIATE_TEST_SUITE_P(Ops, ShapeReference, ::testing::ValuesIn(kCases),
                         [](const ::testing::TestParamInfo<Case>& info) { return info.param.name; });

}  // namespace
}  // namespace tenon::testing
