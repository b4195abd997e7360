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

// Whether numbers of this dtype may be there.
bool is_aligned(const void* data, ScalarType dtype);

void add_buffer_slots(std::vector<PyType_Slot>& slots);

// An attribute of a module, which is imported if it has not been.
nb::object attribute_of_module(PyObject* module, PyObject* name);

// Tensor.numpy().
nb::object to_numpy(nb::handle self, bool force);

// Tensor's methods and the functions of these names; see dlpack.cpp.
nb::object dlpack(nb::handle self, nb::handle stream, nb::handle max_version, nb::handle dl_device, nb::handle copy);
nb::tuple dlpack_device(const Tensor& self);
Tensor from_dlpack(nb::handle ext_tensor, nb::handle device, nb::handle copy);
Tensor from_torch(nb::handle tensor);
nb::object to_torch(nb::handle self);

}  // namespace tenon::python
