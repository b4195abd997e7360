// The memory of the CUDA backend: the device in use, and CUDA's stream-ordered pool, which keeps what is freed for
// reuse until empty_cache.
#include <algorithm>

#include "backend/cuda/launch.h"
#include "base/config.h"

namespace tenon::cuda {

void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  // Takes the error off the runtime, so that the next call does not report it again.
  (void)cudaGetLastError();
  detail::fail<DeviceError>("cuda: ", what, " failed: ", cudaGetErrorString(status), " (", cudaGetErrorName(status),
                            ")");
}

int device_in_use() {
  static const int device = config::cuda_device().value_or(0);
  return device;
}

namespace {

cudaMemPool_t pool() {
  static const cudaMemPool_t made = [] {
    cudaMemPool_t pool = nullptr;
    check(cudaDeviceGetDefaultMemPool(&pool, device_in_use()), "finding the memory pool");
    uint64_t keep = UINT64_MAX;
    check(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &keep), "configuring the memory pool");
    return pool;
  }();
  return made;
}

uint64_t pool_bytes(cudaMemPoolAttr attribute) {
  uint64_t bytes = 0;
  check(cudaMemPoolGetAttribute(pool(), attribute, &bytes), "reading the memory pool");
  return bytes;
}

void copy_to_host(void* host, const void* device, size_t bytes, int device_index) {
  use_device(device_index);
  check(cudaMemcpy(host, device, bytes, cudaMemcpyDeviceToHost), "copying to the host");
}

void copy_from_host(void* device, const void* host, size_t bytes, int device_index) {
  use_device(device_index);
  check(cudaMemcpy(device, host, bytes, cudaMemcpyHostToDevice), "copying from the host");
}

void synchronize(int device_index) {
  use_device(device_index);
  check(cudaDeviceSynchronize(), "synchronize");
}

void empty_cache() {
  synchronize(-1);
  check(cudaMemPoolTrimTo(pool(), 0), "empty_cache");
}

}  // namespace

void use_device(int device_index) {
  TENON_CHECK_DEVICE(device_index <= 0, "device cuda:", device_index,
                     " is not available: a process uses one device, called cuda or cuda:0, which "
                     "TENON_CUDA_DEVICE chooses");
  thread_local bool ready = false;
  if (ready) return;
  check(cudaSetDevice(device_in_use()), "choosing the device");
  ready = true;
}

void* allocate(size_t bytes, int device_index) {
  use_device(device_index);
  void* data = nullptr;
  const cudaError_t status = cudaMallocFromPoolAsync(&data, std::max<size_t>(bytes, 1), pool(), nullptr);
  if (status == cudaErrorMemoryAllocation) {
    (void)cudaGetLastError();
    detail::fail<OutOfMemoryError>("cuda: out of memory: requested ", bytes, " bytes, in use ",
                                   pool_bytes(cudaMemPoolAttrUsedMemCurrent), ", peak ",
                                   pool_bytes(cudaMemPoolAttrUsedMemHigh));
  }
  check(status, "allocating memory");
  return data;
}

// Storages may outlive the driver when the process ends; there is nothing to give back to then.
void deallocate(void* data, size_t, int) { (void)cudaFreeAsync(data, nullptr); }

const MemoryKernels& memory_table() {
  static const MemoryKernels table = {allocate, deallocate, copy_to_host, copy_from_host, empty_cache, synchronize};
  return table;
}

Layout make_layout(const char* op, const TensorView* const* views, int count) {
  Layout layout;
  const IntArrayRef sizes = views[0]->sizes;
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (sizes[d] == 1) continue;
    const auto stride = [&](int k) { return views[k]->data == nullptr ? int64_t{0} : views[k]->strides[d]; };
    bool merges = layout.ndim > 0;
    for (int k = 0; k < count && merges; ++k) merges = layout.strides[k][layout.ndim - 1] == stride(k) * sizes[d];
    if (merges) {
      layout.sizes[layout.ndim - 1] *= sizes[d];
    } else {
      TENON_CHECK(layout.ndim < kMaxDims, op, ": on cuda a tensor may have at most ", kMaxDims,
                  " dims that do not run on into each other, got sizes ", sizes);
      layout.sizes[layout.ndim++] = sizes[d];
    }
    for (int k = 0; k < count; ++k) layout.strides[k][layout.ndim - 1] = stride(k);
  }
  return layout;
}

}  // namespace tenon::cuda
