// Python functions as hooks of tensors. They live in C++, so the collector of cycles is shown those that a tensor's
// object alone keeps.
#pragma once

#include "python.h"
#include "tenon/tensor/tensor.h"

namespace tenon::python {

// The number by which Tensor::remove_hook() finds it.
uint64_t register_hook(const Tensor& self, nb::object hook);
uint64_t register_post_accumulate_grad_hook(const Tensor& self, nb::object hook);

// Visits the Python hooks that die with a tensor.
int traverse_hooks(const TensorImpl& impl, visitproc visit, void* arg);

}  // namespace tenon::python
