// Tensors of several devices in one call. No backend serves "metal": a tensor there has its numbers in borrowed memory,
// and an op that reads them as if they were on the CPU is one that forgot to look.
#include <set>

#include "helpers.h"
#include "samples.h"

namespace tenon::testing {
namespace {

Tensor elsewhere(const Tensor& tensor) {
  if (!tensor.defined()) return tensor;
  const Tensor kept = tensor.detach().clone(MemoryFormat::Contiguous);
  return from_blob(
      kept.data_ptr(), kept.sizes(), [kept](void*) {}, TensorOptions(kept.dtype()).device("metal:0"));
}

// Ops that read only the shapes of some tensors, or an index of one element, or each tensor of a list by itself.
const std::set<std::string> kAnyDevice = {"resize_as_", "broadcast_tensors", "tensor_split", "expand_as", "view_as",
                                          "reshape_as", "atleast_1d", "atleast_2d", "atleast_3d", "is_same_size",
                                          "narrow"};

TEST(Devices, AMixOfThemIsRefusedByEveryOp) {
  for (const OpInfo& op : op_registry()) {
    if (kAnyDevice.contains(op.name)) continue;
    for (const Sample& sample : samples(op)) {
      int count = 0;
      map_tensors(sample.args, [&](size_t, const Tensor& tensor) { return ++count, tensor; });
      for (int moved = 0; count > 1 && moved < count; ++moved) {
        int i = 0;
        const std::vector<Value> args = map_tensors(sample.args, [&](size_t, const Tensor& tensor) {
          return i++ == moved ? elsewhere(tensor) : tensor.defined() ? tensor.clone() : tensor;
        });
        EXPECT_THROW(call(op, args), Error) << describe(op, sample) << ", tensor " << moved;
      }
    }
  }
}

TEST(Devices, OfTheCpuAreOneWhateverTheirIndex) {
  const Tensor x = ones({2}), y = ones({2}, TensorOptions(Device("cpu:0")));
  EXPECT_EQ(y.device().str(), "cpu");
  EXPECT_EQ(list(x + y), (List{2, 2}));
  EXPECT_EQ(list(x.add_(ones({2}, TensorOptions(Device("cpu:1"))))), (List{2, 2}));
  EXPECT_TRUE(x.to("cpu:0").is_same(x));
  EXPECT_EQ(cat({x, y}).sizes(), (IntArrayRef{4}));
}

TEST(Devices, OfAnAcceleratorHaveAnIndex) {
  const Tensor x = ones({2});
  const Tensor there = from_blob(x.data_ptr(), {2}, TensorOptions(Device("metal")));
  EXPECT_EQ(there.device(), Device("metal:0"));
  EXPECT_TRUE(there.to("metal").is_same(there));
  EXPECT_TRUE(there.to("metal:0").is_same(there));
}

}  // namespace
}  // namespace tenon::testing
