// Running backward: tenon::autograd::backward and grad, as in PyTorch, and checkpointing.
#pragma once

#include <functional>
#include <vector>

#include "tenon/autograd/grad_mode.h"
#include "tenon/autograd/node.h"
#include "tenon/autograd/saved_tensor.h"

namespace tenon::autograd {

// Accumulates gradients of `roots` into the leaves (or only into `inputs` where given). An undefined or missing
// entry of `grads` is allowed for a root with one element and means one. `retain_graph` defaults to `create_graph`.
TENON_API void backward(TensorList roots, TensorList grads = {}, optional<bool> retain_graph = nullopt,
                        bool create_graph = false, TensorList inputs = {});

// The gradients of `outputs` with respect to `inputs`, without touching any .grad. An input that the outputs do not
// depend on is an error, unless allow_unused (undefined) or materialize_grads (zeros).
TENON_API std::vector<Tensor> grad(TensorList outputs, TensorList inputs, TensorList grad_outputs = {},
                                   optional<bool> retain_graph = nullopt, bool create_graph = false,
                                   bool allow_unused = false, bool materialize_grads = false);

// Runs `function` without keeping what it saves; backward runs it again, from the same random state.
TENON_API std::vector<Tensor> checkpoint(std::function<std::vector<Tensor>(const std::vector<Tensor>&)> function,
                                         const std::vector<Tensor>& inputs, bool preserve_rng_state = true);

// Calls `hook` after a leaf's gradient has been accumulated.
TENON_API uint64_t register_post_accumulate_grad_hook(const Tensor& leaf, std::function<void(const Tensor&)> hook);

}  // namespace tenon::autograd
