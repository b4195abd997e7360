// The elementwise kernels over double.
#include "backend/cuda/elementwise.cuh"

namespace tenon::cuda {

const KernelList& double_kernels() {
  static const KernelList list = list_kernels<double>();
  return list;
}

}  // namespace tenon::cuda
