// What transforms of functions need of the graph: inputs at which gradients end, and who else could want a gradient.
#pragma once

#include <vector>

#include "tenon/tensor/tensor.h"

namespace tenon::autograd {

// An alias of `tensor` that requires grad and at which gradients end, as at a leaf that no backward() fills. It is open
// while the function that it is given to runs: then what depends on it is wanted by the transform around.
TENON_API Tensor open_transform_input(const Tensor& tensor);
TENON_API void close_transform_input(const Tensor& input);

// Whether somebody else than the owner of `inputs` could want gradients of `tensor`: it depends on a leaf, or on an
// open input that is none of these.
TENON_API bool is_wanted_outside(const Tensor& tensor, const std::vector<Tensor>& inputs);

}  // namespace tenon::autograd
