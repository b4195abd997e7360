// Checkpointing: equal gradients, less kept, the same random numbers.
#include "helpers.h"
#include "tenon/base/generator.h"

namespace tenon::testing {
namespace {

TEST(Checkpoint, GivesTheGradientsOfThePlainCall) {
  Tensor x = leaf({1, 2});
  Tensor w = leaf({3, 4});
  int runs = 0;
  auto body = [&](const std::vector<Tensor>& in) -> std::vector<Tensor> {
    ++runs;
    Tensor h = (in[0] * w).exp();
    return {h * h + in[0]};
  };
  auto plain = autograd::grad({body({x})[0].sum()}, {x, w});
  runs = 0;
  Tensor y = autograd::checkpoint(body, {x})[0];
  EXPECT_EQ(runs, 1);
  y.sum().backward();
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(list(x.grad()), list(plain[0]));
  EXPECT_EQ(list(w.grad()), list(plain[1]));
}

TEST(Checkpoint, KeepsNoIntermediateMemory) {
  Tensor x = leaf({1, 2});
  StoragePtr inner;
  auto body = [&](const std::vector<Tensor>& in) -> std::vector<Tensor> {
    Tensor h = in[0].exp();
    inner = h.storage();
    return {h * h};
  };
  Tensor y = autograd::checkpoint(body, {x})[0];
  EXPECT_EQ(inner->use_count(), 1u);
  y.sum().backward();
  EXPECT_EQ(inner->use_count(), 1u);
}

TEST(Checkpoint, WorksTwiceOnARetainedGraphAndForSecondDerivatives) {
  Tensor x = leaf({2});
  auto body = [](const std::vector<Tensor>& in) -> std::vector<Tensor> { return {in[0] * in[0] * in[0]}; };
  Tensor y = autograd::checkpoint(body, {x})[0];
  EXPECT_EQ(list(autograd::grad({y}, {x}, {}, true)[0]), (List{12}));
  Tensor first = autograd::grad({y}, {x}, {}, true, true)[0];
  EXPECT_EQ(list(autograd::grad({first}, {x})[0]), (List{12}));
}

TEST(Checkpoint, MayBeNested) {
  Tensor x = leaf({2});
  auto inner = [](const std::vector<Tensor>& in) -> std::vector<Tensor> { return {in[0] * in[0]}; };
  auto outer = [&](const std::vector<Tensor>& in) -> std::vector<Tensor> {
    return {autograd::checkpoint(inner, {in[0] * 3})[0] * in[0]};
  };
  autograd::checkpoint(outer, {x})[0].backward();  // 9 x^3
  EXPECT_EQ(list(x.grad()), (List{108}));
}

TEST(Checkpoint, RefusesInputsThatWereEdited) {
  Tensor x = leaf({2});
  Tensor h = x * 1;
  auto body = [](const std::vector<Tensor>& in) -> std::vector<Tensor> { return {in[0] * in[0]}; };
  Tensor y = autograd::checkpoint(body, {h})[0];
  h.add_(1);
  EXPECT_ERROR(y.backward(), "edited in place");
}

TEST(Checkpoint, NoticesAFunctionThatDoesSomethingElseTheSecondTime) {
  Tensor x = leaf({2});
  int runs = 0;
  auto body = [&](const std::vector<Tensor>& in) -> std::vector<Tensor> {
    return {runs++ == 0 ? in[0] * in[0] : in[0] * 2};
  };
  Tensor y = autograd::checkpoint(body, {x})[0];
  EXPECT_ERROR(y.backward(), "must do the same each time");
}

TEST(Checkpoint, RunsAgainFromTheSameRandomState) {
  Tensor x = leaf({1});
  std::vector<uint32_t> drawn;
  auto body = [&](const std::vector<Tensor>& in) -> std::vector<Tensor> {
    drawn.push_back(default_generator().random());
    return {in[0] * in[0]};
  };
  Tensor y = autograd::checkpoint(body, {x})[0];
  Generator expected = default_generator().clone();
  y.backward();
  ASSERT_EQ(drawn.size(), 2u);
  EXPECT_EQ(drawn[0], drawn[1]);
  EXPECT_EQ(default_generator().random(), expected.random());
}

}  // namespace
}  // namespace tenon::testing
