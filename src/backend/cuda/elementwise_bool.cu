// The elementwise kernels over bool.
#include "backend/cuda/elementwise.cuh"

namespace tenon::cuda {

const KernelList& bool_kernels() {
  static const KernelList list = list_kernels<bool>();
  return list;
}

}  // namespace tenon::cuda
