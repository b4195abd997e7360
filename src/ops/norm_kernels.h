// The normalisation kernels of a tensor's backend. Depends on the tensor layer.
#pragma once

#include "backend/backend.h"
#include "tensor/make.h"

namespace tenon {

inline const NormKernels& norm_kernels(const Tensor& tensor, const char* op) {
  const Backend& backend = backend_of(tensor);
  return require(backend.norm, backend, op);
}

}  // namespace tenon
