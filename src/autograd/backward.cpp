// What users call: backward() and grad(), which check their arguments and run the engine.
#include "autograd/engine.h"
#include "autograd/meta.h"
#include "autograd/spin_lock.h"
#include "tenon/autograd/autograd.h"

namespace tenon::autograd {
namespace {

Tensor ones_for(const Tensor& root, size_t i, const char* op) {
  TENON_CHECK(root.numel() == 1, op, ": grad can be implicitly created only for scalar outputs, but output ", i,
              " has shape ", root.sizes(), "; pass its gradient");
  TENON_CHECK(!root.is_complex(), op, ": grad can be implicitly created only for real scalar outputs but got ",
              root.dtype());
  NoGradGuard no_grad;
  return root.new_ones(root.sizes());
}

// The roots and their gradients.
BackwardTask make_task(TensorList roots, TensorList grads, optional<bool> retain_graph, bool create_graph,
                       const char* op) {
  TENON_CHECK(grads.empty() || grads.size() == roots.size(), op, ": got ", roots.size(), " tensors and ", grads.size(),
              " gradients; give one gradient per tensor, or none");
  BackwardTask task;
  task.keep_graph = retain_graph.value_or(create_graph);
  task.create_graph = create_graph;
  task.roots.reserve(roots.size());
  task.grads.reserve(roots.size());
  for (size_t i = 0; i < roots.size(); ++i) {
    TENON_CHECK(roots[i].defined(), op, ": element ", i, " of tensors is undefined");
    TENON_CHECK(roots[i].requires_grad(), op, ": element ", i,
                " of tensors does not require grad and does not have a grad_fn");
    Tensor grad = grads.empty() ? Tensor() : grads[i];
    if (grad.defined()) {
      TENON_CHECK(grad.sizes() == roots[i].sizes(), op, ": Mismatch in shape: grad_output[", i, "] has a shape of ",
                  grad.sizes(), " and output[", i, "] has a shape of ", roots[i].sizes());
      TENON_CHECK(grad.is_complex() == roots[i].is_complex(), op, ": Mismatch in dtype: grad_output[", i,
                  "] has a dtype of ", grad.dtype(), " and output[", i, "] has a dtype of ", roots[i].dtype());
      AutoGradMode grad_mode(create_graph);
      if (grad.dtype() != roots[i].dtype()) grad = grad.to(roots[i].dtype());
    } else {
      grad = ones_for(roots[i], i, op);
    }
    task.roots.push_back(gradient_edge(roots[i]));
    task.grads.push_back(std::move(grad));
  }
  return task;
}

}  // namespace

void backward(TensorList roots, TensorList grads, optional<bool> retain_graph, bool create_graph, TensorList inputs) {
  BackwardTask task = make_task(roots, grads, retain_graph, create_graph, "backward");
  for (const Tensor& input : inputs) {
    TENON_CHECK(input.defined() && input.requires_grad(), "backward: one of the inputs does not require grad");
    input.retain_grad();
    task.inputs.push_back(gradient_edge(input));
  }
  if (!task.roots.empty()) run_backward(task);
}

std::vector<Tensor> grad(TensorList outputs, TensorList inputs, TensorList grad_outputs, optional<bool> retain_graph,
                         bool create_graph, bool allow_unused, bool materialize_grads) {
  TENON_CHECK(!inputs.empty(), "grad: inputs cannot be empty");
  BackwardTask task = make_task(outputs, grad_outputs, retain_graph, create_graph, "grad");
  task.accumulate = false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    TENON_CHECK(inputs[i].defined() && inputs[i].requires_grad(),
                "grad: One of the differentiated Tensors does not require grad: the one at index ", i);
    task.inputs.push_back(gradient_edge(inputs[i]));
  }
  std::vector<Tensor> result(inputs.size());
  if (!task.roots.empty()) result = run_backward(task);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (result[i].defined()) continue;
    TENON_CHECK(allow_unused || materialize_grads, "grad: The differentiated Tensor at index ", i,
                " appears to not have been used in the graph. Set allow_unused=True if this is the desired behavior.");
    if (materialize_grads) result[i] = inputs[i].new_zeros(inputs[i].sizes());
  }
  return result;
}

uint64_t register_post_accumulate_grad_hook(const Tensor& leaf, std::function<void(const Tensor&)> hook) {
  TENON_CHECK(leaf.defined() && leaf.requires_grad(),
              "register_post_accumulate_grad_hook: the tensor does not require grad");
  TENON_CHECK(leaf.is_leaf(), "register_post_accumulate_grad_hook: the tensor is not a leaf; use register_hook");
  const uint64_t id = next_hook_id();
  AutogradMeta& meta = autograd_meta(leaf);
  SpinGuard guard(meta.locked);
  meta.rare_parts().post_accumulate_hooks.emplace_back(id, std::move(hook));
  return id;
}

}  // namespace tenon::autograd
