// Recording an op: edges to its inputs, history of its outputs, and what it saves.
#include "autograd/record.h"

#include "autograd/engine.h"

namespace tenon {
namespace {

bool is_one_of(const Tensor& tensor, TensorPointers outputs) {
  for (const Tensor* output : outputs) {
    if (output->is_same(tensor)) return true;
  }
  return false;
}

void add_edges(Node& node, TensorPointers inputs) {
  for (const Tensor* input : inputs) node.add_next_edge(input && input->defined() ? gradient_edge(*input) : Edge{});
}

void save_all(RecordedNode& node, TensorPointers outputs, TensorPointers saved) {
  static const Tensor none;
  for (const Tensor* tensor : saved) {
    const bool is_defined = tensor && tensor->defined();
    node.save(is_defined ? *tensor : none, is_defined && is_one_of(*tensor, outputs));
  }
}

}  // namespace

bool needs_record(TensorPointers inputs) {
  if (!GradMode::is_enabled()) return false;
  for (const Tensor* input : inputs) {
    if (input && input->defined() && input->requires_grad()) return !InferenceMode::is_enabled();
  }
  return false;
}

bool BackwardContext::needs(size_t i) const { return wants_input_grad(node_, i); }

Grads RecordedNode::apply(Grads&& grads) {
  for (const Tensor& grad : grads) {
    if (grad.defined()) return run(BackwardContext(grads, *this));
  }
  return Grads(next_edges().size());
}

void RecordedNode::release_saved() {
  for (SavedTensor& saved : saved_) saved.release();
}

void record_without_derivative(const char* name, TensorPointers outputs, TensorPointers inputs) {
  record_all(name, outputs, inputs, {}, [name](const BackwardContext&) -> Grads {
    tenon::detail::fail<NotImplementedError>(name, ": the derivative is not implemented");
  });
}

namespace detail {

void wire(RecordedNode& node, TensorPointers outputs, TensorPointers inputs, TensorPointers saved) {
  add_edges(node, inputs);
  const IntrusivePtr<Node> owner(&node);
  for (const Tensor* output : outputs) {
    if (output->defined() && is_differentiable(output->dtype())) {
      set_history(*output, owner);
    } else {
      node.add_unused_input();
    }
  }
  save_all(node, outputs, saved);
}

void wire_inplace(RecordedNode& node, const Tensor& self, TensorPointers inputs, TensorPointers saved) {
  add_edges(node, inputs);
  rebase_history(self, IntrusivePtr<Node>(&node));
  const Tensor* outputs[] = {&self};
  save_all(node, TensorPointers(outputs, 1), saved);
}

}  // namespace detail
}  // namespace tenon
