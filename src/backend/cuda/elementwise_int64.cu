// The elementwise kernels over int64, in which all integers compute: narrowing its results wraps them around.
#include "backend/cuda/elementwise.cuh"

namespace tenon::cuda {

const KernelList& int64_kernels() {
  static const KernelList list = list_kernels<int64_t>();
  return list;
}

}  // namespace tenon::cuda
