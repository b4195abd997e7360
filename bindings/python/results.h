// Boxed results of ops as Python objects, and out= arguments.
#pragma once

#include "python.h"
#include "tenon/ops/registry.h"

namespace tenon::python {

// A new reference. Several tensors become a tuple, with named fields where the op has names for them.
PyObject* to_python(Value result, const OpInfo& op);

// The types of the tuples with named fields, by the names of the ops.
nb::dict return_types();

// Writes the result of a call on `inputs` into the tensor or tuple of tensors `out`, and returns a new reference to it.
PyObject* write_to_out(PyObject* out, const Value& result, const OpInfo& op, ArrayRef<Value> inputs);

}  // namespace tenon::python
