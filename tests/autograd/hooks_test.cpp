// Hooks on tensors, leaves and nodes, and retained gradients.
#include "helpers.h"

namespace tenon::testing {
namespace {

TEST(Hooks, ReplaceTheGradientInTheOrderOfTheirRegistration) {
  Tensor x = leaf({1});
  Tensor y = x * 2;
  y.register_hook([](const Tensor& g) { return g + 1; });
  y.register_hook([](const Tensor& g) { return g * 10; });
  y.sum().backward();
  EXPECT_EQ(list(x.grad()), (List{40}));
}

TEST(Hooks, OfALeafRunOnTheSumBeforeItIsAccumulated) {
  Tensor x = leaf({1});
  List seen;
  x.register_hook([&](const Tensor& g) {
    seen.push_back(list(g)[0]);
    return g * 2;
  });
  (x * 3 + x * 4).backward();
  EXPECT_EQ(seen, (List{7}));
  EXPECT_EQ(list(x.grad()), (List{14}));
}

TEST(Hooks, OutliveTheGraphOnALeafAndCanBeRemoved) {
  Tensor x = leaf({1});
  uint64_t id = x.register_hook([](const Tensor& g) { return g * 2; });
  (x * 1).backward();
  (x * 1).backward();
  EXPECT_EQ(list(x.grad()), (List{4}));
  x.remove_hook(id);
  (x * 1).backward();
  EXPECT_EQ(list(x.grad()), (List{5}));
  Tensor y = x * 1;
  id = y.register_hook([](const Tensor& g) { return g * 100; });
  y.remove_hook(id);
  y.backward();
  EXPECT_EQ(list(x.grad()), (List{6}));
}

TEST(Hooks, MayRemoveThemselves) {
  Tensor x = leaf({1});
  int calls = 0;
  uint64_t id = 0;
  id = x.register_hook([&](const Tensor&) {
    ++calls;
    x.remove_hook(id);
    return Tensor();
  });
  x.register_hook([&](const Tensor&) {
    ++calls;
    return Tensor();
  });
  (x * 1).backward();
  (x * 1).backward();
  EXPECT_EQ(calls, 3);
}

// As in PyTorch: those that there were when the first began all run, and no new ones.
TEST(Hooks, MayRemoveAndAddOthersWhileTheyRun) {
  for (bool of_a_leaf : {true, false}) {
    const Tensor x = leaf({1}), y = x * 2, of = of_a_leaf ? x : y;
    std::vector<uint64_t> ids;
    List seen;
    for (int i = 0; i < 4; ++i) {
      ids.push_back(of.register_hook([&, i](const Tensor&) {
        seen.push_back(static_cast<float>(i));
        if (i == 2) {
          of.remove_hook(ids[0]);
          of.remove_hook(ids[1]);
          of.register_hook([&](const Tensor&) {
            seen.push_back(9);
            return Tensor();
          });
        }
        if (i == 0) of.remove_hook(ids[3]);
        return Tensor();
      }));
    }
    y.backward(Tensor(), true);
    EXPECT_EQ(seen, (List{0, 1, 2, 3}));
    seen.clear();
    y.backward(Tensor(), true);
    EXPECT_EQ(seen, (List{2, 9}));
  }
}

TEST(Hooks, OfNodesMayRemoveThemselves) {
  Tensor y = leaf({1}) * 2;
  IntrusivePtr<Node> node = y.grad_fn();
  List seen;
  std::vector<uint64_t> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(node->add_pre_hook([&, i](Grads&) {
      seen.push_back(static_cast<float>(i));
      node->remove_hook(ids[static_cast<size_t>(2 * i)]);
    }));
    ids.push_back(node->add_post_hook([&, i](Grads&, const Grads&) {
      seen.push_back(static_cast<float>(10 + i));
      node->remove_hook(ids[static_cast<size_t>(2 * i + 1)]);
    }));
  }
  y.backward();
  EXPECT_EQ(seen, (List{0, 1, 2, 10, 11, 12}));
}

TEST(Hooks, MayDetachTheirLeafWhichRemovesThemAll) {
  Tensor x = leaf({1});
  int calls = 0;
  for (int i = 0; i < 3; ++i) {
    x.register_hook([&](const Tensor&) {
      ++calls;
      x.detach_();
      return Tensor();
    });
  }
  Tensor y = x * 2;
  y.backward(Tensor(), true);
  y.backward();
  EXPECT_EQ(calls, 3);
  EXPECT_FALSE(x.requires_grad() || x.grad().defined());
}

TEST(Hooks, ApplyToCapturedGradients) {
  // PyTorch: a hook is part of a captured gradient unless the tensor's own node runs as well.
  Tensor x = leaf({1, 1});
  Tensor y = x * 2;
  y.register_hook([](const Tensor& g) { return g * 10; });
  Tensor z = (y * 3).sum();
  EXPECT_EQ(list(autograd::grad({z}, {y}, {}, true)[0]), (List{30, 30}));
  auto both = autograd::grad({z}, {y, x}, {}, true);
  EXPECT_EQ(list(both[0]), (List{3, 3}));
  EXPECT_EQ(list(both[1]), (List{60, 60}));
  x.register_hook([](const Tensor& g) { return g * 5; });
  EXPECT_EQ(list(autograd::grad({z}, {x})[0]), (List{300, 300}));
}

TEST(Hooks, MustKeepTheShape) {
  Tensor x = leaf({1});
  Tensor y = x * 2;
  y.register_hook([](const Tensor&) { return ones({3}); });
  EXPECT_ERROR(y.backward(), "hook");
}

TEST(Hooks, NeedATensorThatRequiresGrad) {
  EXPECT_ERROR(values({1}).register_hook([](const Tensor& g) { return g; }), "doesn't require gradient");
  EXPECT_ERROR(values({1}).retain_grad(), "can't retain_grad");
}

TEST(Hooks, OfNodesSeeInputsAndOutputs) {
  Tensor x = leaf({3});
  Tensor y = x * x;
  IntrusivePtr<Node> node = y.grad_fn();
  node->add_pre_hook([](Grads& grads) { grads[0] = grads[0] * 2; });
  List seen;
  uint64_t id = node->add_post_hook([&](Grads& inputs, const Grads& outputs) {
    seen = {list(inputs[0])[0], list(outputs[0])[0]};
    inputs[0] = inputs[0] * 0;
  });
  y.backward({}, true);
  EXPECT_EQ(seen, (List{6, 2}));
  EXPECT_EQ(list(x.grad()), (List{6}));
  node->remove_hook(id);
  y.backward();
  EXPECT_EQ(list(x.grad()), (List{18}));
}

TEST(Hooks, AfterAccumulationSeeTheLeafWithItsGradient) {
  Tensor x = leaf({1});
  List seen;
  autograd::register_post_accumulate_grad_hook(x, [&](const Tensor& p) {
    seen = list(p.grad());
    p.mutable_grad().reset();
  });
  (x * 7).backward();
  EXPECT_EQ(seen, (List{7}));
  EXPECT_FALSE(x.grad().defined());
  EXPECT_ERROR(autograd::register_post_accumulate_grad_hook(x * 2, [](const Tensor&) {}), "not a leaf");
}

TEST(Hooks, RunForALeafWhoseHandleIsGone) {
  bool ran = false;
  Tensor y;
  {
    Tensor x = leaf({1});
    x.register_hook([&](const Tensor&) {
      ran = true;
      return Tensor();
    });
    y = x * 2;
  }
  y.backward();
  EXPECT_TRUE(ran);
}

TEST(RetainGrad, KeepsTheGradientOfANonLeaf) {
  Tensor x = leaf({1, 2});
  Tensor y = x * 3;
  EXPECT_FALSE(y.retains_grad());
  y.retain_grad();
  EXPECT_TRUE(y.retains_grad());
  y.register_hook([](const Tensor& g) { return g * 2; });  // retained gradients are seen after all hooks
  (y * y).sum().backward();
  EXPECT_EQ(list(y.grad()), (List{12, 24}));
}

TEST(RetainGrad, FollowsAnInPlaceEdit) {
  Tensor x = leaf({1, 2});
  Tensor y = x * 3;
  y.retain_grad();
  y.mul_(2);
  (y * 5).sum().backward();
  EXPECT_EQ(list(y.grad()), (List{5, 5}));
  EXPECT_EQ(list(x.grad()), (List{30, 30}));
}

TEST(RetainGrad, EndsWithTheTensor) {
  Tensor x = leaf({1, 2});
  Tensor z;
  {
    Tensor y = x * 3;
    y.retain_grad();
    z = y * 2;
  }
  z.sum().backward();
  EXPECT_EQ(list(x.grad()), (List{6, 6}));
}

}  // namespace
}  // namespace tenon::testing
