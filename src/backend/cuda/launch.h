// What all files of the CUDA backend share: error checks, the device in use, and the shapes that kernels take by value.
// Host and device; depends on base and the view types.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "backend/backend.h"

namespace tenon::cuda {

inline constexpr int kThreads = 256;
// Dims of a kernel's operands, after those that run on into each other are merged.
inline constexpr int kMaxDims = 12;
// The output and at most five inputs (a gradient of three inputs takes g, them and the result).
inline constexpr int kMaxOperands = 6;

// Throws DeviceError naming `what` and CUDA's own message.
void check(cudaError_t status, const char* what);
// Makes this thread use the process's device; every entry of the backend calls it first. A process uses one device:
// the one that TENON_CUDA_DEVICE names, or the first; `device_index` must be 0 or -1.
void use_device(int device_index = -1);
// The device of use_device, an index among those that CUDA sees.
int device_in_use();

void* allocate(size_t bytes, int device_index);
void deallocate(void* data, size_t bytes, int device_index);
// Memory for the length of a call.
class Scratch {
 public:
  explicit Scratch(size_t bytes) : data_(allocate(bytes, -1)), bytes_(bytes) {}
  ~Scratch() { deallocate(data_, bytes_, -1); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  void* data() const { return data_; }

 private:
  void* data_;
  size_t bytes_;
};

// How kernels walk several operands at once; strides count elements.
struct Layout {
  int ndim = 0;
  int64_t sizes[kMaxDims];
  int64_t strides[kMaxOperands][kMaxDims];
};

// The dims of equally sized views, merged where all of them run on. A view with null data gets strides of zero.
Layout make_layout(const char* op, const TensorView* const* views, int count);

// Enough blocks for n threads; kernels go on in steps of the whole grid.
inline unsigned blocks_for(int64_t n) {
  constexpr int64_t kMost = 1 << 16;
  const int64_t blocks = (n + kThreads - 1) / kThreads;
  return static_cast<unsigned>(blocks < kMost ? blocks : kMost);
}

const MemoryKernels& memory_table();
const ElementwiseKernels& elementwise_table();
const ReductionKernels& reduction_table();
const MatmulKernels& matmul_table();

}  // namespace tenon::cuda
