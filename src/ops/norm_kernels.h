// The normalisation kernels of a tensor's backend. Depends on the tensor layer.
#pragma once

#include "backend/kernels_of.h"
#include "tensor/make.h"

namespace tenon {

inline const NormKernels& norm_kernels(const Tensor& tensor, const char* op) {
  return kernels_of<&Backend::norm>(tensor.device(), op);
}

}  // namespace tenon
