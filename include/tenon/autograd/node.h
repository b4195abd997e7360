// Node: one recorded op of the autograd graph; it turns the gradients of the op's outputs into those of its inputs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tenon/base/small_vec.h"
#include "tenon/tensor/tensor.h"

namespace tenon {

// Gradients, one per output or input; undefined stands for zero.
using Grads = SmallVec<Tensor, 2>;

// Where a gradient goes: input number `input_nr` of `node`. A null node means that nobody wants it.
struct Edge {
  IntrusivePtr<Node> node;
  uint32_t input_nr = 0;
};

class TENON_API Node : public RefCounted {
 public:
  using PreHook = std::function<void(Grads& grads)>;
  using PostHook = std::function<void(Grads& inputs, const Grads& outputs)>;

  // What a gradient arriving at an input must look like.
  struct InputMeta {
    DimVector sizes;
    ScalarType dtype;
    Device device;
  };

  Node();
  virtual ~Node();

  // Objects come from a per-thread free list: recording an op makes one.
  static void* operator new(size_t bytes);
  static void operator delete(void* object, size_t bytes);

  // What IntrusivePtr calls; an accumulator is also reached without being owned.
  bool release() const noexcept { return weakly_reachable_ ? release_shared() : RefCounted::release(); }

  // Deletes this node and, from a flat work list, whatever dies with it: a graph of any depth dies without recursion.
  void destroy();

  // The op's name as the table has it: "mul".
  virtual const char* name() const = 0;
  // The gradients of next_edges() from those of the outputs.
  virtual Grads apply(Grads&& grads) = 0;
  // Frees what was saved for backward; a second apply() then raises.
  virtual void release_saved() {}

  const SmallVec<Edge, 2>& next_edges() const { return next_edges_; }
  void add_next_edge(Edge edge);
  void set_next_edge(size_t i, Edge edge);
  bool needs_input_grad(size_t i) const { return i < next_edges_.size() && next_edges_[i].node; }

  // Registers an output of the forward op; returns its number.
  uint32_t add_input_meta(const Tensor& output);
  // The same for an output that takes no gradient.
  uint32_t add_unused_input();
  size_t num_inputs() const { return input_meta_.size(); }
  const InputMeta& input_meta(size_t i) const { return input_meta_[i]; }

  // Later ops have larger numbers; the engine runs them first.
  uint64_t sequence_nr() const { return sequence_nr_; }
  // The number that this thread's next node will have.
  static uint64_t next_sequence_nr();

  // Hooks on node level. A tensor's hooks are pre-hooks of its grad_fn, limited to one input; they run first.
  uint64_t add_pre_hook(PreHook hook);
  uint64_t add_post_hook(PostHook hook);
  uint64_t add_tensor_hook(uint32_t input_nr, TensorHook hook);
  void remove_hook(uint64_t id);
  void visit_tensor_hooks(const std::function<void(const TensorHook& hook)>& visit) const;
  // After the tensor hooks of an input its gradient is put into `*grad`. At most one per input; null ends it.
  void retain_grad(uint32_t input_nr, std::shared_ptr<Tensor> grad);
  virtual void run_tensor_hooks(Grads& grads);
  void run_pre_hooks(Grads& grads);
  void run_post_hooks(Grads& inputs, const Grads& outputs);
  bool has_post_hooks() const;

  // The node whose backward runs on this thread, if any.
  static Node* current();

  // Where the forward op was called; filled while anomaly mode is on.
  std::string& anomaly_note();
  // The note, or "" where there is none.
  const char* anomaly_note_or_empty() const;

  // The leaf whose gradient this node accumulates; null for others.
  const Tensor* leaf() const;

  // What node_display_name says where it is not null: a literal, the name of the op that this node is the last part of.
  const char* shown_name = nullptr;
  // The bindings' object for this node, and what they keep as long as the node lives.
  void* python_object = nullptr;
  std::shared_ptr<void>& attachment();

 protected:
  uint64_t sequence_nr_;
  // Whether a borrowed pointer to this node may be turned into an owning one.
  bool weakly_reachable_ = false;

 private:
  struct Extras;
  Extras& extras();

  SmallVec<Edge, 2> next_edges_;
  SmallVec<InputMeta, 1> input_meta_;
  std::unique_ptr<Extras> extras_;
  // While dying: the next node of the work list.
  Node* next_dying_ = nullptr;
};

// The number of a new hook, unique in the process.
TENON_API uint64_t next_hook_id();

// The edge that carries gradients of `tensor`: to its grad_fn, or to the accumulator of a leaf.
TENON_API Edge gradient_edge(const Tensor& tensor);

// A name as PyTorch shows that of a node: "AddBackward0" for add.
TENON_API std::string display_name(std::string_view recorded);
// The node's name as PyTorch shows it: "AddBackward0" for add, "AccumulateGrad" for a leaf's.
TENON_API std::string node_display_name(const Node& node);

}  // namespace tenon
