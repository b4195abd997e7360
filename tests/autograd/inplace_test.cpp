// In-place edits and views: gradients are those that PyTorch computes for the same programs.
#include "helpers.h"
#include "tenon/tensor/print.h"

namespace tenon::testing {
namespace {

TEST(InPlace, EditsBecomePartOfTheHistory) {
  Tensor x = leaf({1, 2});
  Tensor y = x * 2;
  y.mul_(x);  // 2 x^2
  y.add_(x);
  y.sum().backward();
  EXPECT_EQ(list(x.grad()), (List{5, 9}));
}

TEST(InPlace, SecondDerivativesGoThroughTheOldValues) {
  Tensor x = leaf({2});
  Tensor y = x * 1;
  y.mul_(x);
  y.mul_(x);  // x^3
  Tensor first = autograd::grad({y}, {x}, {}, nullopt, true)[0];
  EXPECT_EQ(list(first), (List{12}));
  EXPECT_EQ(list(autograd::grad({first}, {x})[0]), (List{12}));
}

TEST(InPlace, OfALeafOrItsViewIsRefused) {
  Tensor x = leaf({1, 2});
  EXPECT_ERROR(x.add_(1), "a leaf Variable that requires grad");
  EXPECT_ERROR(x.view({2, 1}).add_(1), "a view of a leaf Variable");
  NoGradGuard no_grad;
  x.add_(1);
  EXPECT_EQ(list(x), (List{2, 3}));
}

TEST(InPlace, OfANoGradViewIsRefusedOnlyWhenRecorded) {
  Tensor x = leaf({1, 2});
  Tensor base = values({1, 2});
  Tensor view;
  {
    NoGradGuard no_grad;
    view = base.view({2});
  }
  view.add_(1);
  EXPECT_ERROR(view.mul_(x), "no_grad mode");
}

TEST(InPlace, OfReadOnlyMemoryIsRefused) {
  Tensor x = values({1, 2});
  x.storage()->set_read_only();
  EXPECT_ERROR(x.add_(1), "read-only");
}

TEST(InPlace, ThatComputesACopyFirstIsNamedAsItWasCalled) {
  Tensor x = leaf({0.25, 0.5});
  for (const auto& [name, edit] : std::initializer_list<std::pair<const char*, void (*)(const Tensor&)>>{
           {"logit", [](const Tensor& y) { y.logit_(); }},
           {"zero_", [](const Tensor& y) { y.zero_(); }},
           {"fill_", [](const Tensor& y) { y.fill_(ones({})); }},
           {"cumsum", [](const Tensor& y) { y.cumsum_(0); }},
           {"copy_", [](const Tensor& y) { y.copy_(ones({2})); }}}) {
    Tensor y = x.exp();
    Tensor z = y * y;
    edit(y);
    EXPECT_PRED2(contains, message_of([&] { z.sum().backward(); }), std::string("and '") + name);
  }
  // PyTorch's names of the nodes.
  Tensor y = x.exp();
  y.logit_();
  EXPECT_EQ(grad_fn_name(y), "LogitBackward0");
  y.zero_();
  EXPECT_EQ(grad_fn_name(y), "ZeroBackward0");
  y.copy_(x);
  EXPECT_EQ(grad_fn_name(y), "CopyBackwards");
}

TEST(InPlace, ThatFailsLeavesTheLayoutAsItWas) {
  Tensor fixed;
  {
    InferenceMode mode;
    fixed = values({1, 2, 3});
  }
  Tensor matrix = values({1, 2, 3, 4}, {2, 2});
  EXPECT_ERROR(write_out(fixed, matrix, "mm"), "mm_: Inplace update to inference tensor");
  EXPECT_EQ(fixed.sizes(), (IntArrayRef{3}));
  EXPECT_ERROR(fixed.resize_({2}), "Inplace update to inference tensor");
  Tensor read_only = values({1, 2, 3, 4, 5});
  read_only.storage()->set_read_only();
  EXPECT_ERROR(write_out(read_only, matrix, "mm"), "mm_: self's memory is read-only");
  EXPECT_EQ(read_only.sizes(), (IntArrayRef{5}));
}

TEST(InPlace, OfASavedTensorIsNoticedAndBothOpsAreNamed) {
  Tensor x = leaf({1, 2});
  Tensor y = x * 1;
  Tensor z = y * y;
  y.add_(1);
  std::string message = message_of([&] { z.sum().backward(); });
  EXPECT_PRED2(contains, message, "modified by an inplace operation");
  EXPECT_PRED2(contains, message, "mul saved");
  EXPECT_PRED2(contains, message, "'add");
  EXPECT_PRED2(contains, message, "version 1; expected version 0");
}

TEST(InPlace, OfASavedOutputIsNoticed) {
  Tensor x = leaf({1, 2});
  Tensor y = x.exp();
  y.mul_(2);
  EXPECT_ERROR(y.sum().backward(), "exp saved its output");
}

TEST(InPlace, WhoseOutputIsSavedKeepsNoCycle) {
  Tensor x = leaf({0, 0});
  StoragePtr memory;
  {
    Tensor y = x * 1;
    y.exp_();
    memory = y.storage();
    y.sum().backward({}, true);
  }
  EXPECT_EQ(list(x.grad()), (List{1, 1}));
  EXPECT_EQ(memory->use_count(), 1u);
}

TEST(InPlace, MakesALeafThatDidNotRequireGradPartOfTheGraph) {
  Tensor x = leaf({3, 4});
  Tensor y = values({1, 2});
  y.mul_(x);
  EXPECT_TRUE(y.requires_grad());
  y.sum().backward();
  EXPECT_EQ(list(x.grad()), (List{1, 2}));
}

TEST(Views, AnEditOfAViewReachesTheBase) {
  Tensor x = leaf({1, 2, 3, 4});
  Tensor y = x * 1;
  y.narrow(0, 1, 2).mul_(10);
  EXPECT_STREQ(y.grad_fn()->name(), "CopySlices");
  (y * values({1, 2, 3, 4})).sum().backward();
  EXPECT_EQ(list(y), (List{1, 20, 30, 4}));
  EXPECT_EQ(list(x.grad()), (List{1, 20, 30, 4}));
}

TEST(Views, AnEditThatReadsAnotherTensorGivesItAGradient) {
  Tensor x = leaf({1, 2, 3, 4});
  Tensor w = leaf({5, 6});
  Tensor y = x * 1;
  y.narrow(0, 0, 2).mul_(w);
  y.sum().backward();
  EXPECT_EQ(list(x.grad()), (List{5, 6, 1, 1}));
  EXPECT_EQ(list(w.grad()), (List{1, 2}));
}

TEST(Views, AnEditOfTheBaseReachesEarlierViews) {
  Tensor x = leaf({1, 2, 3});
  Tensor y = x * 1;
  Tensor view = y.narrow(0, 1, 2);
  y.mul_(x);
  EXPECT_STREQ(view.grad_fn()->name(), "as_strided");
  view.sum().backward();
  EXPECT_EQ(list(x.grad()), (List{0, 4, 6}));
}

TEST(Views, AnEditOfOneViewReachesTheOthers) {
  Tensor x = leaf({1, 2, 3, 4}, {2, 2});
  Tensor y = x * 1;
  Tensor row = y.select(0, 1);
  Tensor column = y.select(1, 1);
  row.mul_(row.detach().clone());  // 9 and 16
  column.sum().backward();
  EXPECT_EQ(list(x.grad()), (List{0, 1, 0, 4}));
}

TEST(Views, OfATransposedBaseAreEditedInPlace) {
  Tensor x = leaf({1, 2, 3, 4, 5, 6}, {2, 3});
  Tensor y = (x * 1).t();
  y.select(0, 2).mul_(10);
  y.select(1, 0).mul_(2);
  y.sum().backward();
  EXPECT_EQ(list(x.grad()), (List{2, 2, 20, 1, 1, 10}));
}

TEST(Views, OfATensorOutsideTheGraphJoinWithTheBase) {
  Tensor x = leaf({3});
  Tensor base = zeros({3});
  Tensor first = base.narrow(0, 0, 1);
  Tensor last = base.narrow(0, 2, 1);
  last.copy_(x);
  EXPECT_TRUE(base.requires_grad());
  EXPECT_TRUE(first.requires_grad());
  (base * values({1, 2, 3})).sum().backward();
  EXPECT_EQ(list(x.grad()), (List{3}));
  x.mutable_grad().reset();
  (first * 5).backward();
  EXPECT_EQ(list(x.grad()), (List{0}));
}

TEST(Views, OverwrittenElementsGetNoGradient) {
  Tensor x = leaf({1, 2, 3});
  Tensor y = x * 2;
  y.narrow(0, 0, 2).zero_();
  y.sum().backward();
  EXPECT_EQ(list(x.grad()), (List{0, 0, 2}));
}

TEST(Views, EditsAreDifferentiableTwice) {
  Tensor x = leaf({2, 3});
  Tensor y = x * x;
  y.narrow(0, 0, 1).mul_(x.narrow(0, 0, 1));  // x0^3, x1^2
  Tensor first = autograd::grad({y}, {x}, {ones({2})}, nullopt, true)[0];
  EXPECT_EQ(list(first), (List{12, 6}));
  EXPECT_EQ(list(autograd::grad({first}, {x}, {ones({2})})[0]), (List{12, 2}));
}

TEST(Views, OfAnotherDtypeAreEditedInPlace) {
  Tensor x = leaf({1, 2});
  Tensor z = (x * 1).to(kComplexFloat);
  Tensor parts = z.view_as_real();
  parts.mul_(3);
  parts.sum().backward();
  EXPECT_EQ(list(x.grad()), (List{3, 3}));
  Tensor pairs = leaf({1, 2, 3, 4}, {2, 2});
  Tensor y = pairs * 1;
  y.view_as_complex().mul_(2);
  y.sum().backward();
  EXPECT_EQ(list(pairs.grad()), (List{2, 2, 2, 2}));
}

TEST(Views, MadeUnderNoGradKeepTheirOwnWay) {
  // PyTorch: such a view requires grad as its base does, but is a leaf.
  Tensor x = leaf({1, 2});
  Tensor view;
  {
    NoGradGuard no_grad;
    view = x.narrow(0, 0, 1);
  }
  EXPECT_TRUE(view.requires_grad());
  EXPECT_TRUE(view.is_leaf());
}

TEST(Views, CannotBeDetachedInPlace) {
  Tensor x = leaf({1, 2});
  EXPECT_ERROR((x * 1).narrow(0, 0, 1).detach_(), "Can't detach views in-place");
}

}  // namespace
}  // namespace tenon::testing
