// The entry of the CUDA plug-in: looks for a usable device and hands out the table of kernels.
#include <string>

#include "backend/cuda/launch.h"
#include "backend/cuda_plugin.h"

namespace tenon::cuda {
namespace {

// Empty when there is a usable device.
std::string find_device() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) return concat("no usable CUDA device: ", cudaGetErrorString(status));
  if (count == 0) return "no usable CUDA device: the driver lists none";
  try {
    if (device_in_use() >= count) {
      return concat("TENON_CUDA_DEVICE is ", device_in_use(), ", but this machine has CUDA devices 0 to ", count - 1);
    }
    use_device();
    int pools = 0;
    check(cudaDeviceGetAttribute(&pools, cudaDevAttrMemoryPoolsSupported, device_in_use()), "asking for memory pools");
    if (pools == 0) return "the CUDA device has no memory pools, which Tenon needs";
    deallocate(allocate(1, -1), 1, -1);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

const Backend& backend() {
  static const Backend table = {.name = "cuda",
                                .memory = &memory_table(),
                                .elementwise = &elementwise_table(),
                                .reduction = &reduction_table(),
                                .scan = nullptr,
                                .matmul = &matmul_table(),
                                .softmax = nullptr,
                                .conv = nullptr,
                                .sort = nullptr,
                                .index = nullptr,
                                .norm = nullptr,
                                .random = nullptr,
                                .pool = nullptr,
                                .linalg = nullptr,
                                .fft = nullptr};
  return table;
}

}  // namespace
}  // namespace tenon::cuda

extern "C" TENON_API const tenon::Backend* tenon_cuda_backend(uint64_t layout, const char** reason) {
  if (layout != tenon::kCudaPluginLayout) {
    *reason = "the CUDA plug-in was built from other sources than the library";
    return nullptr;
  }
  static const std::string missing = tenon::cuda::find_device();
  *reason = missing.c_str();
  return missing.empty() ? &tenon::cuda::backend() : nullptr;
}
