// AutogradMeta: what the autograd layer keeps on a tensor that takes part in a graph.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "tenon/autograd/node.h"

namespace tenon {

struct AutogradMeta {
  Tensor grad;
  IntrusivePtr<Node> grad_fn;
  uint32_t output_nr = 0;
  // The node that accumulates into `grad`; it owns the tensor, so the tensor only borrows it.
  Node* accumulator = nullptr;
  // Of a leaf: hooks wait here, for the accumulator comes and goes with the graphs that reach it.
  std::vector<std::pair<uint64_t, TensorHook>> hooks;
  std::vector<std::pair<uint64_t, std::function<void(const Tensor&)>>> post_accumulate_hooks;
  bool retains_grad = false;
};

// The tensor's meta, made on first use.
AutogradMeta& autograd_meta(const Tensor& tensor);

// Makes `tensor` (fresh, or edited in place) output number `output_nr` of `node`.
void set_history(const Tensor& tensor, const IntrusivePtr<Node>& node);

// For an in-place op with node `node`, whose input 0 is the old `self`: makes self the node's output. When self is a
// view its base is given the edit too (by copy-slices) and self's history follows from the base.
void rebase_history(const Tensor& self, IntrusivePtr<Node> node);

// Throws unless `self` may be edited in place by `op` now: leaves that require grad, views made under no_grad and
// inference tensors refuse; read-only memory refuses always. `records`: the op will be recorded.
void check_inplace(const Tensor& self, const char* op, bool records);

}  // namespace tenon
