// Hooks that Python registers on tensors, and how the garbage collector sees them: a hook may well refer to its tensor.
#pragma once

#include "tensor_type.h"

namespace tenon::python {

// For a tensor's tp_traverse: visits the hooks that nothing but this tensor keeps alive.
int visit_hooks(const Tensor& tensor, visitproc visit, void* arg);
// For its tp_clear: removes them.
void clear_hooks(const Tensor& tensor);

void add_hook_methods();

}  // namespace tenon::python
