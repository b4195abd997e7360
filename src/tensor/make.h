// How tensors come to be: fresh ones, aliases of existing storage, and the plain views that backends work on.
#pragma once

#include "backend/tensor_view.h"
#include "tenon/tensor/tensor.h"

namespace tenon {

// Fresh uninitialised memory; sizes are checked (`op` names the caller in errors).
Tensor make_tensor(IntArrayRef sizes, ScalarType dtype, Device device, const char* op = "empty");
// The same with given strides (of a dense layout).
Tensor make_tensor_strided(IntArrayRef sizes, IntArrayRef strides, ScalarType dtype, Device device,
                           const char* op = "empty");
// Fresh memory with `like`'s sizes, and its order of dims where it is dense.
Tensor make_like(const Tensor& like, ScalarType dtype);
// Another layout over the same storage, unrelated to any graph.
Tensor make_alias(const Tensor& base, IntArrayRef sizes, IntArrayRef strides, int64_t offset);

inline TensorView view_of(const Tensor& tensor) {
  return {tensor.data_ptr(), tensor.dtype(), tensor.sizes(), tensor.strides()};
}

}  // namespace tenon
