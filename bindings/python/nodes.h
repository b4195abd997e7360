// Nodes of the autograd graph as Python objects.
#pragma once

#include "python.h"
#include "tenon/autograd/node.h"

namespace tenon::python {

// A new reference to the object of `node`, the same one while it lives; None for null.
PyObject* wrap_node(const IntrusivePtr<Node>& node);

}  // namespace tenon::python
