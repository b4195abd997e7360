// What an elementwise kernel takes, by value, and the lists of kernels by value type.
#pragma once

#include "backend/cuda/launch.h"

namespace tenon::cuda {

struct ElementwiseInput {
  const void* data;
  ScalarType dtype;
  bool is_number;
  alignas(8) char number[8];  // of the kernel's value type
};

struct ElementwiseArgs {
  int64_t numel;
  void* out;
  ElementwiseInput inputs[kMaxOperands - 1];
  double params[3];
  // Operand 0 is the output. Not read when plain.
  Layout layout;
  // All operands are contiguous and of the kernel's own types.
  bool plain;
  // Inputs are read as `compute` holds them, results are held as `result` on their way to `out_dtype`.
  ScalarType compute, result, out_dtype;
};

// By ElementwiseKernel; null where there is none.
struct KernelList {
  const void* kernels[static_cast<int>(ElementwiseKernel::count)] = {};
  uint8_t params[static_cast<int>(ElementwiseKernel::count)] = {};
};

const KernelList& float_kernels();
const KernelList& double_kernels();
const KernelList& int64_kernels();
const KernelList& bool_kernels();

}  // namespace tenon::cuda
