// AccumulateGrad: the node at the end of a graph that adds a leaf's gradient to its .grad.
#pragma once

#include <mutex>

#include "tenon/autograd/node.h"

namespace tenon {

class AccumulateGrad final : public Node {
 public:
  explicit AccumulateGrad(const Tensor& leaf);
  ~AccumulateGrad() override;

  const char* name() const override { return "AccumulateGrad"; }
  Grads apply(Grads&& grads) override;
  // A leaf's hooks live on the leaf.
  void run_tensor_hooks(Grads& grads) override;
  const Tensor& variable() const { return leaf_; }

 private:
  void accumulate(Tensor&& grad);

  Tensor leaf_;
  // Graphs of several threads may end in one leaf.
  std::mutex mutex_;
};

// The leaf's accumulator, made if no graph holds one now.
IntrusivePtr<Node> accumulator_of(const Tensor& leaf);

}  // namespace tenon
