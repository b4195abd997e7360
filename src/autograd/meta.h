// AutogradMeta: what the autograd layer keeps on a tensor that takes part in a graph, and how tensors get their
// history.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <ostream>
#include <string_view>
#include <utility>
#include <vector>

#include "tenon/autograd/node.h"

namespace tenon {

using PostAccumulateHook = std::function<void(const Tensor&)>;

struct AutogradMeta {
  // What few tensors have.
  struct Rare {
    // Of a leaf: hooks wait here, for the accumulator comes and goes with the graphs that reach it.
    std::vector<std::pair<uint64_t, TensorHook>> hooks;
    std::vector<std::pair<uint64_t, PostAccumulateHook>> post_accumulate_hooks;
    // Of another: which node has the hook; an in-place edit gives the tensor a new grad_fn.
    std::vector<std::pair<uint64_t, IntrusivePtr<Node>>> node_hooks;
    // The gradient of a non-leaf that retains it, shared with grad_fn, which fills it.
    std::shared_ptr<Tensor> retained_grad;
  };

  static void* operator new(size_t bytes);
  static void operator delete(void* object, size_t bytes);
  AutogradMeta() = default;
  ~AutogradMeta();
  Rare& rare_parts();
  Tensor& gradient() { return rare && rare->retained_grad ? *rare->retained_grad : grad; }
  // The same for whoever shares the tensor with threads that may replace the gradient meanwhile.
  TENON_API Tensor load_gradient();
  TENON_API void store_gradient(Tensor gradient);

  Tensor grad;
  IntrusivePtr<Node> grad_fn;
  uint32_t output_nr = 0;
  // Guards `accumulator`, which tensor the gradient is, and the lists of hooks.
  std::atomic<bool> locked{false};
  // The node that accumulates into `grad`; it owns the tensor, so the tensor only borrows it.
  Node* accumulator = nullptr;
  std::unique_ptr<Rare> rare;
};

// The tensor's meta, made on first use.
TENON_API AutogradMeta& autograd_meta(const Tensor& tensor);

// Shows the hooks that die with the tensor: a leaf's, or those of a grad_fn that nothing else holds.
TENON_API void visit_own_hooks(const TensorImpl& impl, const std::function<void(const TensorHook&)>& visit,
                               const std::function<void(const PostAccumulateHook&)>& visit_post_accumulate);
// Removes all hooks that were registered through the tensor.
TENON_API void remove_hooks(const Tensor& tensor);

// Makes `tensor` (fresh, or edited in place) the next output of `node`.
void set_history(const Tensor& tensor, const IntrusivePtr<Node>& node);
// The same for output `output_nr`, which the node has already. A retained gradient moves along.
void set_history(const Tensor& tensor, const IntrusivePtr<Node>& node, uint32_t output_nr);

// For an in-place op with node `node`, whose input `self_input` is the old `self`: makes self the node's output. When
// self is a view its base is given the edit too (by copy-slices) and self's history follows from the base.
void rebase_history(const Tensor& self, IntrusivePtr<Node> node, size_t self_input = 0);

// Prints the name of an op as its in-place form has it, whichever of the two is given.
struct InplaceName {
  const char* op;
  friend std::ostream& operator<<(std::ostream& out, InplaceName name) {
    return out << name.op << (std::string_view(name.op).ends_with('_') ? "" : "_");
  }
};

// Throws unless `self` may be edited in place by `op` now: leaves that require grad, views of such and views made under
// no_grad refuse when the op will be recorded (`records`); inference tensors outside inference mode and read-only
// memory refuse always.
void check_inplace(const Tensor& self, const char* op, bool records);

}  // namespace tenon
