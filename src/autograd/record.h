// How an op is recorded. A differentiable op reads:
//
//   Tensor out = ...;  // computed from views, nothing recorded
//   return record("mm", out, {&a, &b}, {&a, &b}, [](const BackwardContext& ctx) -> Grads {
//     Tensor grad = ctx.grad();
//     return {ctx.needs(0) ? grad.mm(ctx.saved(1).t()) : Tensor(), ctx.needs(1) ? ctx.saved(0).t().mm(grad) :
//     Tensor()};
//   });
//
// The lambda's body is made of differentiable ops, so that backward can itself be differentiated.
#pragma once

#include <utility>

#include "autograd/meta.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/autograd/saved_tensor.h"

namespace tenon {

class RecordedNode;

// What a backward lambda sees.
class BackwardContext {
 public:
  BackwardContext(const Grads& grads, RecordedNode& node) : grads_(grads), node_(node) {}
  // The gradient of output i. With several outputs it may be undefined, which means zero.
  const Tensor& grad(size_t i = 0) const { return grads_[i]; }
  // The i-th saved tensor; undefined if it was so when saved.
  Tensor saved(size_t i) const;
  // Whether anyone wants the gradient of input i.
  TENON_API bool needs(size_t i) const;

 private:
  const Grads& grads_;
  RecordedNode& node_;
};

// A node with saved tensors; its lambda lives in the derived class.
class TENON_API RecordedNode : public Node {
 public:
  explicit RecordedNode(const char* name) : name_(name) {}
  const char* name() const final { return name_; }
  Grads apply(Grads&& grads) final;
  void release_saved() override;
  void save(const Tensor& tensor, bool is_output) { saved_.emplace_back(tensor, is_output); }
  Tensor saved(size_t i) { return saved_[i].unpack(IntrusivePtr<Node>(this), name_); }

 protected:
  virtual Grads run(const BackwardContext& context) = 0;

 private:
  const char* name_;
  SmallVec<SavedTensor, 2> saved_;
};

inline Tensor BackwardContext::saved(size_t i) const { return node_.saved(i); }

template <class F>
class LambdaNode final : public RecordedNode {
 public:
  LambdaNode(const char* name, F&& backward) : RecordedNode(name), backward_(std::move(backward)) {}

 private:
  Grads run(const BackwardContext& context) override { return backward_(context); }
  F backward_;
};

// Borrowed tensors; null and undefined entries are allowed and get no gradient.
using TensorPointers = ArrayRef<const Tensor*>;

// Whether an op on these inputs must be recorded now.
TENON_API bool needs_record(TensorPointers inputs);

namespace detail {
// Wires a node: edges to the inputs, saved tensors (an entry of `saved` that is one of `outputs` is kept as output).
TENON_API void wire(RecordedNode& node, TensorPointers outputs, TensorPointers inputs, TensorPointers saved);
// The same for an in-place op, whose input 0 and only output is self.
TENON_API void wire_inplace(RecordedNode& node, const Tensor& self, TensorPointers inputs, TensorPointers saved);
}  // namespace detail

// Records an op with one or more outputs; outputs of integer or bool dtype stay outside the graph.
template <class F>
void record_all(const char* name, TensorPointers outputs, TensorPointers inputs, TensorPointers saved, F&& backward) {
  if (!needs_record(inputs)) return;
  IntrusivePtr<RecordedNode> node(new LambdaNode<std::decay_t<F>>(name, std::forward<F>(backward)));
  detail::wire(*node, outputs, inputs, saved);
}

template <class F>
Tensor record(const char* name, Tensor out, TensorPointers inputs, TensorPointers saved, F&& backward) {
  const Tensor* outputs[] = {&out};
  record_all(name, TensorPointers(outputs, 1), inputs, saved, std::forward<F>(backward));
  return out;
}

// `out`, whose node, the last that a composite op has just recorded for it, is shown as `name`, a literal.
inline Tensor shown_as(const char* name, Tensor out) {
  if (const IntrusivePtr<Node> node = out.grad_fn()) node->shown_name = name;
  return out;
}

// Records an op that has no derivative: its outputs are part of the graph, and backward raises.
void record_without_derivative(const char* name, TensorPointers outputs, TensorPointers inputs);

inline Tensor without_derivative(const char* name, Tensor out, TensorPointers inputs) {
  record_without_derivative(name, &out, inputs);
  return out;
}

// Records an in-place op on `self`, which is input 0; called after the data were written and the version bumped.
template <class F>
void record_inplace(const char* name, const Tensor& self, TensorPointers inputs, TensorPointers saved, F&& backward) {
  if (!needs_record(inputs)) return;
  IntrusivePtr<RecordedNode> node(new LambdaNode<std::decay_t<F>>(name, std::forward<F>(backward)));
  detail::wire_inplace(*node, self, inputs, saved);
}

}  // namespace tenon
