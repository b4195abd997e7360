// Saved tensors: hooks that pack them, and when their memory is given back.
#include "autograd/record.h"
#include "helpers.h"

namespace tenon::testing {
namespace {

// Packs by copying, and counts.
SavedTensorHooks copying(int& packed, int& unpacked) {
  return {[&packed](const Tensor& tensor) -> std::shared_ptr<void> {
            ++packed;
            return std::make_shared<Tensor>(tensor.clone());
          },
          [&unpacked](const std::shared_ptr<void>& data) {
            ++unpacked;
            return *static_cast<Tensor*>(data.get());
          }};
}

TEST(SavedTensor, HooksPackWhatIsSavedWithinTheGuard) {
  Tensor x = leaf({1, 2});
  int packed = 0, unpacked = 0;
  Tensor y;
  {
    SavedTensorHooksGuard guard(copying(packed, unpacked));
    y = (x * 2).exp();
  }
  Tensor z = y * y;
  EXPECT_EQ(packed, 1);
  z.sum().backward();
  EXPECT_EQ(unpacked, 1);
  EXPECT_NEAR(list(x.grad())[0], 4 * std::exp(4.f), 1e-3);
}

TEST(SavedTensor, TheInnermostGuardCounts) {
  Tensor x = leaf({1, 2});
  int outer = 0, inner = 0, unpacked = 0;
  SavedTensorHooksGuard first(copying(outer, unpacked));
  Tensor y;
  {
    SavedTensorHooksGuard second(copying(inner, unpacked));
    y = x.exp();
  }
  Tensor z = y.exp();
  EXPECT_EQ(outer, 1);
  EXPECT_EQ(inner, 1);
}

TEST(SavedTensor, PackedTensorsKeepTheirHistoryForDoubleBackward) {
  Tensor x = leaf({2});
  int packed = 0, unpacked = 0;
  Tensor first;
  {
    SavedTensorHooksGuard guard(copying(packed, unpacked));
    Tensor y = x * x * x;
    first = autograd::grad({y}, {x}, {}, nullopt, true)[0];
  }
  EXPECT_EQ(list(first), (List{12}));
  EXPECT_EQ(list(autograd::grad({first}, {x})[0]), (List{12}));
}

TEST(SavedTensor, MemoryIsGivenBackByBackward) {
  Tensor x = leaf({1, 2});
  StoragePtr memory;
  Tensor z;
  {
    Tensor y = x * 1;
    memory = y.storage();
    z = (y * y).sum();
  }
  EXPECT_GT(memory->use_count(), 1u);
  z.backward();
  EXPECT_EQ(memory->use_count(), 1u);
}

TEST(SavedTensor, ASavedOutputKeepsNoCycle) {
  StoragePtr memory;
  {
    Tensor x = leaf({1, 2});
    Tensor y = x.exp();
    memory = y.storage();
  }
  EXPECT_EQ(memory->use_count(), 1u);
}

TEST(SavedTensor, TwoHandlesOfOneVersionAgree) {
  Tensor x = leaf({1, 2});
  Tensor y = x * 1;
  y.add_(1);
  Tensor z = y * y;  // saved after the edit: nothing is wrong
  z.sum().backward();
  EXPECT_EQ(list(x.grad()), (List{4, 6}));
}

TEST(Record, OutputsThatCarryNoGradientKeepTheirNumber) {
  Tensor x = leaf({1, 2});
  Tensor indices = zeros({2}, kLong);
  Tensor out = values({3, 4});
  const Tensor* outputs[] = {&indices, &out};
  size_t seen = 0;
  record_all("both", TensorPointers(outputs, 2), &x, {}, [&seen](const BackwardContext& ctx) -> Grads {
    seen = ctx.grad(0).defined() ? 0 : 1;
    return {ctx.grad(1) * 2};
  });
  EXPECT_FALSE(indices.requires_grad());
  EXPECT_EQ(out.output_nr(), 1u);
  out.sum().backward();
  EXPECT_EQ(seen, 1u);
  EXPECT_EQ(list(x.grad()), (List{2, 2}));
}

TEST(Record, GradientsAreFittedToTheInput) {
  Tensor x = leaf({1, 2});
  Tensor wide = record("wide", values({1}), &x, {}, [](const BackwardContext&) -> Grads {
    return {ones({3, 2}, kDouble)};
  });
  wide.sum().backward();
  EXPECT_EQ(list(x.grad()), (List{3, 3}));
  Tensor wrong = record("wrong", values({1}), &x, {}, [](const BackwardContext&) -> Grads { return {ones({3})}; });
  EXPECT_ERROR(wrong.backward(), "'wrong' returned an invalid gradient at index 0 - got [3]");
  Tensor many = record("many", values({1}), &x, {}, [](const BackwardContext& ctx) -> Grads {
    return {ctx.grad(), ctx.grad()};
  });
  EXPECT_ERROR(many.backward(), "incorrect number of gradients");
}

}  // namespace
}  // namespace tenon::testing
