// The check that kernels rely on: a call's tensors are on one device. Depends on the tensor layer.
#pragma once

#include "tenon/tensor/tensor.h"

namespace tenon {

// Throws unless `other`, the argument `name` of the op, is on self's device or undefined.
inline void check_same_device(const char* op, const Tensor& self, const Tensor& other, const char* name) {
  TENON_CHECK_DEVICE(!other.defined() || self.device() == other.device(), op,
                     ": all tensors must be on one device, but ", name, " is on ", other.device(), " and another on ",
                     self.device());
}

}  // namespace tenon
