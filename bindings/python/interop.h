// Memory shared with NumPy and with any object that speaks the buffer protocol or DLPack.
#pragma once

#include <vector>

#include "python.h"
#include "tenon/tensor/tensor.h"

namespace tenon::python {

// A tensor over the memory that `object` exports through the buffer protocol; read-only memory stays so.
Tensor tensor_over_buffer(PyObject* object, const char* op);
// The bytes that `object` exports, from `offset` on, read as `count` elements of `dtype` (all that fit for -1).
Tensor tensor_from_bytes(PyObject* object, ScalarType dtype, int64_t count, int64_t offset);
// The dtype of a NumPy scalar or array; false when Tenon has none like it.
bool dtype_of_numpy(PyObject* object, ScalarType& out);

void add_buffer_slots(std::vector<PyType_Slot>& slots);

// DLPack capsules; see dlpack.cpp.
nb::object to_dlpack(const Tensor& tensor, bool versioned, bool copied);
Tensor from_dlpack(nb::handle capsule);

}  // namespace tenon::python
