// The properties of tensors: x.shape, x.dtype, x.grad, x.T and the like.
#pragma once

#include "python.h"

namespace tenon::python {

// The table for Py_tp_getset.
PyGetSetDef* tensor_property_table();

}  // namespace tenon::python
