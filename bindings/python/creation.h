// Tensors from Python's data: numbers, nested sequences, NumPy arrays, buffers and other tensors.
#pragma once

#include <cstdint>
#include <vector>

#include "python.h"
#include "tenon/tensor/tensor.h"

namespace tenon::python {

// A new tensor with a copy of `data`; a dtype that is not given follows from the data, as in PyTorch.
Tensor tensor_from_data(PyObject* data, optional<ScalarType> dtype, optional<Device> device, const char* op);

// Bytes as a uint8 tensor, and back.
Tensor tensor_of_bytes(const std::vector<uint8_t>& bytes);
std::vector<uint8_t> bytes_of_tensor(const Tensor& tensor, const char* op);

// The elements as nested lists, a number for a 0-d tensor; a new reference.
PyObject* to_nested_list(const Tensor& tensor);

}  // namespace tenon::python
