// The engine: runs a graph backward from its roots, on the calling thread, without recursion.
#pragma once

#include <functional>
#include <vector>

#include "tenon/autograd/node.h"

namespace tenon {

struct BackwardTask {
  // Where the gradients `grads` (defined, checked) enter the graph.
  std::vector<Edge> roots;
  std::vector<Tensor> grads;
  bool keep_graph = false;
  bool create_graph = false;
  // When not empty only nodes that lead to these run. A null edge stands for an input outside every graph.
  std::vector<Edge> inputs;
  // Whether gradients of `inputs` are accumulated; otherwise they are returned.
  bool accumulate = true;
};

// The gradients of `task.inputs`, undefined where none arrived; empty when accumulating.
std::vector<Tensor> run_backward(const BackwardTask& task);

// Whether the gradient of the node's input i is worth computing: whether it has one, and the pass that runs on this
// thread, if any, leads there.
bool wants_input_grad(const Node& node, size_t i);

// The number of the pass that runs on this thread, the innermost one; 0 outside of any.
TENON_API uint64_t current_pass();
// Has `body` called at the end of that pass, before it returns; never if the pass fails. There must be one.
TENON_API void at_end_of_pass(std::function<void()> body);

// Calls a tensor's hook; what it returns, if defined, replaces the gradient. `name` is the op that made the tensor.
void run_tensor_hook(const TensorHook& hook, Tensor& grad, const char* name);

// Whether nobody else can see the gradient's memory, so that it may be edited or kept without a copy.
bool owned_alone(const Tensor& grad);

}  // namespace tenon
