// The engine: which gradients arrive where. Numbers are PyTorch's or follow from the derivative by hand.
#include "helpers.h"

namespace tenon::testing {
namespace {

TEST(Engine, AccumulatesAcrossBackwardCalls) {
  Tensor x = leaf({1, 2, 3});
  (x * x).sum().backward();
  EXPECT_EQ(list(x.grad()), (List{2, 4, 6}));
  (x * x).sum().backward();
  EXPECT_EQ(list(x.grad()), (List{4, 8, 12}));
}

TEST(Engine, SumsTheGradientsOfADiamond) {
  Tensor x = leaf({2});
  Tensor a = x * 3;
  Tensor b = a * x;
  Tensor c = a + b;
  (c * b).sum().backward();  // (3x + 3x^2) 3x^2
  EXPECT_EQ(list(x.grad()), (List{27 * 4 + 36 * 8}));
}

TEST(Engine, SecondBackwardNeedsRetainGraph) {
  Tensor x = leaf({1, 2});
  Tensor y = (x * x).sum();
  y.backward({}, true);
  y.backward();
  EXPECT_EQ(list(x.grad()), (List{4, 8}));
  EXPECT_ERROR(y.backward(), "backward through the graph a second time");
}

TEST(Engine, ImplicitGradientNeedsOneRealElement) {
  Tensor x = leaf({1, 2});
  EXPECT_ERROR((x * 2).backward(), "scalar outputs");
  EXPECT_ERROR(values({1}).backward(), "does not require grad");
  EXPECT_ERROR((x * 2).backward(ones({3})), "Mismatch in shape");
  (x * 2).backward(values({1, 10}));
  EXPECT_EQ(list(x.grad()), (List{2, 20}));
}

TEST(Engine, BackwardOfALeafAccumulatesACopy) {
  Tensor x = leaf({1, 2});
  Tensor g = values({3, 4});
  x.backward(g);
  g.zero_();
  EXPECT_EQ(list(x.grad()), (List{3, 4}));
}

TEST(Engine, SharedGradientsAreNotSharedBetweenLeaves) {
  Tensor a = leaf({1, 2});
  Tensor b = leaf({3, 4});
  (a + b).backward(ones({2}));
  EXPECT_NE(a.grad().data_ptr(), b.grad().data_ptr());
  a.view({2, 1}).add(b.view({2, 1})).backward(ones({2, 1}));
  a.mutable_grad().zero_();
  EXPECT_EQ(list(b.grad()), (List{2, 2}));
}

TEST(Engine, AnOwnedGradientIsKeptWithoutACopy) {
  Tensor x = leaf({1, 2});
  Tensor y = x * 2;
  void* seen = nullptr;
  x.register_hook([&](const Tensor& grad) {
    seen = grad.data_ptr();
    return Tensor();
  });
  y.backward(ones({2}));
  EXPECT_EQ(x.grad().data_ptr(), seen);
}

TEST(Engine, GradientLayoutFollowsTheLeaf) {
  Tensor x = empty_strided({2, 3}, {1, 2}).fill_(1).requires_grad_();
  (x * 1).backward(ones({2, 3}));
  EXPECT_EQ(x.grad().strides(), IntArrayRef({1, 2}));
}

TEST(Engine, GradReturnsGradientsAndLeavesLeavesAlone) {
  Tensor x = leaf({1, 2});
  Tensor y = x * 2;
  Tensor z = (y * y).sum();
  auto grads = autograd::grad({z}, {x, y, x});
  EXPECT_EQ(list(grads[0]), (List{8, 16}));
  EXPECT_EQ(list(grads[1]), (List{4, 8}));
  EXPECT_EQ(list(grads[2]), (List{8, 16}));
  EXPECT_FALSE(x.grad().defined());
}

TEST(Engine, GradOfAnOutputByItselfIsItsGradient) {
  Tensor x = leaf({1, 2});
  Tensor y = x * 2;
  EXPECT_EQ(list(autograd::grad({y}, {y}, {values({5, 6})})[0]), (List{5, 6}));
}

TEST(Engine, GradRefusesUnusedInputsUnlessAllowed) {
  Tensor x = leaf({1, 2});
  Tensor unused = leaf({1});
  Tensor y = (x * x).sum();
  EXPECT_ERROR(autograd::grad({y}, {unused}, {}, true), "not have been used");
  EXPECT_FALSE(autograd::grad({y}, {unused}, {}, true, false, true)[0].defined());
  EXPECT_EQ(list(autograd::grad({y}, {unused}, {}, true, false, true, true)[0]), (List{0}));
  EXPECT_ERROR(autograd::grad({y}, {values({1})}), "does not require grad");
}

TEST(Engine, OnlyNodesThatLeadToTheInputsRun) {
  Tensor x = leaf({1, 2});
  Tensor w = leaf({3, 4});
  Tensor y = w * w;
  bool ran = false;
  y.register_hook([&](const Tensor&) {
    ran = true;
    return Tensor();
  });
  autograd::grad({(x * y).sum()}, {x});
  EXPECT_FALSE(ran);
}

TEST(Engine, BackwardToChosenInputs) {
  Tensor x = leaf({1, 2});
  Tensor w = leaf({3, 4});
  Tensor y = x * w;
  autograd::backward({(y * y).sum()}, {}, nullopt, false, {x, y});
  EXPECT_EQ(list(x.grad()), (List{18, 64}));
  EXPECT_EQ(list(y.grad()), (List{6, 16}));
  EXPECT_FALSE(w.grad().defined());
}

TEST(Engine, TheSameRootTwiceCountsTwice) {
  Tensor x = leaf({1, 2});
  Tensor y = (x * x).sum();
  autograd::backward({y, y});
  EXPECT_EQ(list(x.grad()), (List{4, 8}));
}

TEST(Engine, ARootInsideTheGraphOfAnother) {
  Tensor x = leaf({3});
  Tensor y = x * x;
  Tensor z = y * y;
  autograd::backward({y, z});
  EXPECT_EQ(list(x.grad()), (List{6 + 4 * 27}));
}

TEST(Engine, DoubleBackward) {
  Tensor x = leaf({2});
  Tensor y = x * x * x;
  Tensor first = autograd::grad({y}, {x}, {}, nullopt, true)[0];
  EXPECT_EQ(list(first), (List{12}));
  Tensor second = autograd::grad({first}, {x}, {}, nullopt, true)[0];
  EXPECT_EQ(list(second), (List{12}));
  EXPECT_EQ(list(autograd::grad({second}, {x})[0]), (List{6}));
}

TEST(Engine, DoubleBackwardThroughASavedOutput) {
  Tensor x = leaf({0.5f});
  Tensor first = autograd::grad({x.exp()}, {x}, {}, nullopt, true)[0];
  Tensor second = autograd::grad({first}, {x})[0];
  EXPECT_NEAR(list(second)[0], 1.6487213f, 1e-6);
}

TEST(Engine, CreateGraphAccumulatesOutOfPlace) {
  Tensor x = leaf({2});
  Tensor y = x * x;
  y.backward({}, nullopt, true);
  Tensor before = x.grad();
  y.backward({}, nullopt, true);
  EXPECT_EQ(list(before), (List{4}));
  EXPECT_EQ(list(x.grad()), (List{8}));
  EXPECT_TRUE(x.grad().requires_grad());
  x.mutable_grad() = Tensor();  // a gradient with a graph leads back to its leaf: only this frees the two
}

TEST(Engine, BroadcastGradientsAreReducedToTheInput) {
  Tensor x = leaf({1, 2}, {2, 1});
  Tensor y = leaf({1, 2, 3}, {1, 3});
  (x * y).sum().backward();
  EXPECT_EQ(list(x.grad()), (List{6, 6}));
  EXPECT_EQ(list(y.grad()), (List{3, 3, 3}));
}

TEST(Engine, NoGradAndInferenceModeRecordNothing) {
  Tensor x = leaf({1});
  {
    NoGradGuard no_grad;
    EXPECT_FALSE((x * 2).requires_grad());
    AutoGradMode grad(true);
    EXPECT_TRUE((x * 2).requires_grad());
  }
  Tensor inference;
  {
    InferenceMode mode;
    inference = x * 2;
    EXPECT_FALSE(GradMode::is_enabled());
  }
  EXPECT_TRUE(GradMode::is_enabled());
  EXPECT_TRUE(inference.is_inference());
  EXPECT_FALSE(inference.requires_grad());
  EXPECT_ERROR(inference.add_(1), "inference tensor");
  EXPECT_ERROR(inference.requires_grad_(), "inference tensor");
  EXPECT_ERROR(inference * x, "Inference tensors cannot be saved");
}

TEST(Engine, BackwardInsideBackward) {
  struct Inner : autograd::Function<Inner> {
    static Tensor forward(autograd::AutogradContext* ctx, const Tensor& x) {
      ctx->save_for_backward({x});
      return x * x;
    }
    static std::vector<Tensor> backward(autograd::AutogradContext* ctx, std::vector<Tensor> grads) {
      Tensor x = ctx->get_saved_variables()[0].detach().requires_grad_();
      AutoGradMode grad(true);
      (x * x).sum().backward();
      return {x.grad() * grads[0]};
    }
  };
  Tensor x = leaf({1, 2});
  Inner::apply(x).sum().backward();
  EXPECT_EQ(list(x.grad()), (List{2, 4}));
}

TEST(Engine, AnErrorLeavesTheEngineUsable) {
  struct Fails : autograd::Function<Fails> {
    static Tensor forward(autograd::AutogradContext*, const Tensor& x) { return x * 2; }
    static std::vector<Tensor> backward(autograd::AutogradContext*, std::vector<Tensor>) {
      throw TensorError("on purpose");
    }
  };
  Tensor x = leaf({1});
  EXPECT_ERROR(Fails::apply(x).backward(), "on purpose");
  EXPECT_TRUE(GradMode::is_enabled());
  (x * 2).backward();
  EXPECT_EQ(list(x.grad()), (List{2}));
}

TEST(Engine, AnomalyModeNamesTheOpWhoseGradientIsNan) {
  Tensor x = leaf({0});
  (x.sqrt() * 0).sum().backward();  // quietly NaN
  AnomalyMode::set_enabled(true);
  AnomalyMode::set_tracer([] { return std::string("here and there"); });
  Tensor y = (x.sqrt() * 0).sum();
  std::string message = message_of([&] { y.backward(); });
  AnomalyMode::set_tracer({});
  AnomalyMode::set_enabled(false);
  EXPECT_PRED2(contains, message, "'SqrtBackward0' returned nan values in its 0th output");
  EXPECT_PRED2(contains, message, "here and there");
}

TEST(Leaf, RequiresGradFollowsPyTorchsRules) {
  Tensor x = leaf({1});
  Tensor y = x * 2;
  EXPECT_TRUE(x.is_leaf());
  EXPECT_FALSE(y.is_leaf());
  EXPECT_TRUE(y.requires_grad());
  EXPECT_EQ(x.grad_fn().get(), nullptr);
  EXPECT_STREQ(y.grad_fn()->name(), "mul");
  EXPECT_ERROR(y.requires_grad_(false), "leaf");
  EXPECT_ERROR(zeros({1}, kLong).requires_grad_(), "floating point");
  EXPECT_FALSE(y.detach().requires_grad());
  y.detach_();
  EXPECT_TRUE(y.is_leaf());
  EXPECT_FALSE(y.requires_grad());
}

TEST(Leaf, DetachSharesTheVersionAndDataDoesNot) {
  Tensor x = leaf({1, 2});
  Tensor a = x * 1;
  Tensor y = a * a;
  a.detach().zero_();
  EXPECT_ERROR(y.sum().backward(), "modified by an inplace operation");
  Tensor b = x * 1;
  Tensor z = b * b;
  b.data().fill_(5);
  z.sum().backward();
  EXPECT_EQ(list(x.grad()), (List{10, 10}));
}

TEST(Leaf, SetDataChangesValuesAndFormButKeepsHooks) {
  Tensor x = leaf({1, 2});
  x.register_hook([](const Tensor& grad) { return grad * 10; });
  x.set_data(values({1, 2, 3}));
  (x * x).sum().backward();
  EXPECT_EQ(list(x.grad()), (List{20, 40, 60}));
}

}  // namespace
}  // namespace tenon::testing
