// The elementwise kernels over float; half types compute in it too.
#include "backend/cuda/elementwise.cuh"

namespace tenon::cuda {

const KernelList& float_kernels() {
  static const KernelList list = list_kernels<float>();
  return list;
}

}  // namespace tenon::cuda
