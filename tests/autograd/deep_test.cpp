// Graphs a million nodes deep: neither backward nor destruction may recurse.
#include "autograd/record.h"
#include "helpers.h"

namespace tenon::testing {
namespace {

constexpr int kDepth = 1000000;

// An identity that costs no arithmetic.
Tensor link(const Tensor& x) {
  return record("link", x.detach(), &x, {}, [](const BackwardContext& ctx) -> Grads { return {ctx.grad()}; });
}

TEST(Deep, BackwardThroughAMillionNodes) {
  Tensor x = leaf({1});
  Tensor y = x;
  for (int i = 0; i < kDepth; ++i) y = link(y);
  y.backward();
  EXPECT_EQ(list(x.grad()), (List{1}));
}

TEST(Deep, GradOfOneInputThroughAMillionNodes) {
  Tensor x = leaf({1});
  Tensor y = x;
  for (int i = 0; i < kDepth; ++i) y = link(y);
  EXPECT_EQ(list(autograd::grad({y}, {x})[0]), (List{1}));
}

TEST(Deep, AGraphThatWasNeverRunIsDestroyed) {
  Tensor x = leaf({1});
  Tensor y = x;
  for (int i = 0; i < kDepth; ++i) y = link(y);
  std::weak_ptr<int> watched;
  {
    auto token = std::make_shared<int>();
    watched = token;
    y.register_hook([token](const Tensor&) { return Tensor(); });
  }
  EXPECT_FALSE(watched.expired());
  y.reset();
  EXPECT_TRUE(watched.expired());
}

TEST(Deep, AGraphHeldThroughSavedTensorsIsDestroyed) {
  // No edge leads on: each node is reached only through the tensor that the next one saves.
  Tensor x = leaf({1});
  Tensor y = x;
  for (int i = 0; i < kDepth; ++i) {
    y = record("holder", x.detach(), &x, &y, [](const BackwardContext& ctx) -> Grads { return {ctx.grad()}; });
  }
  y.backward();
  y.reset();
  EXPECT_EQ(list(x.grad()), (List{1}));
}

TEST(Deep, HooksAlongTheWholeGraph) {
  Tensor x = leaf({1});
  Tensor y = x;
  int calls = 0;
  for (int i = 0; i < kDepth; ++i) {
    y = link(y);
    y.register_hook([&](const Tensor&) {
      ++calls;
      return Tensor();
    });
  }
  y.backward();
  EXPECT_EQ(calls, kDepth);
}

TEST(Deep, AWideFanIsSummed) {
  Tensor x = leaf({1});
  Tensor y = x * 1;
  std::vector<Tensor> roots;
  for (int i = 0; i < 10000; ++i) roots.push_back(link(y));
  autograd::backward(roots);
  EXPECT_EQ(list(x.grad()), (List{10000}));
}

}  // namespace
}  // namespace tenon::testing
