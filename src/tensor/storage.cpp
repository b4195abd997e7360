// Storage and TensorImpl: allocation and release.
#include "tenon/tensor/storage.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "backend/kernels_of.h"
#include "base/free_list.h"
#include "tenon/tensor/tensor_impl.h"

namespace tenon {

Storage::Storage(size_t nbytes, Device device) : nbytes_(nbytes), device_(device.resolved()) {
  // A device that is not there holds no storage, not even one of no bytes.
  const MemoryKernels& memory = kernels_of<&Backend::memory>(device_, "empty");
  if (nbytes > 0) data_ = memory.allocate(nbytes, device_.index());
}

Storage::Storage(void* data, size_t nbytes, Device device, std::function<void()> release)
    : data_(data), nbytes_(nbytes), device_(device.resolved()), borrowed_(true), release_(std::move(release)) {}

Storage::~Storage() {
  if (borrowed_) {
    if (release_) release_();
  } else if (data_) {
    kernels_of<&Backend::memory>(device_, "free").deallocate(data_, nbytes_, device_.index());
  }
  if (release_pinned_) release_pinned_();
}

void Storage::resize(size_t nbytes) {
  if (nbytes == nbytes_) return;
  TENON_CHECK(!borrowed_, "resize: this storage borrows its memory, so its size is fixed at ", nbytes_, " bytes");
  TENON_CHECK(!pinned_, "resize: the memory of this storage is shared outside Tenon, so its size is fixed at ", nbytes_,
              " bytes");
  TENON_CHECK_DEVICE(device_.is_cpu(), "resize: only CPU storages can be resized, this one is on ", device_);
  const MemoryKernels& memory = kernels_of<&Backend::memory>(device_, "empty");
  void* grown = nbytes ? memory.allocate(nbytes, device_.index()) : nullptr;
  if (data_) {
    if (grown) std::memcpy(grown, data_, std::min(nbytes, nbytes_));
    memory.deallocate(data_, nbytes_, device_.index());
  }
  data_ = grown;
  nbytes_ = nbytes;
}

void Storage::move_to(void* data, std::function<void()> release) {
  TENON_CHECK_DEVICE(device_.is_cpu(), "only CPU storages can be moved to other memory, this one is on ", device_);
  if (nbytes_ > 0) std::memcpy(data, data_, nbytes_);
  std::function<void()> leave = std::move(release_);
  if (!borrowed_) {
    leave = [old = data_, nbytes = nbytes_, device = device_] {
      if (old) kernels_of<&Backend::memory>(device, "free").deallocate(old, nbytes, device.index());
    };
  }
  data_ = data;
  borrowed_ = true;
  read_only_ = false;
  release_ = std::move(release);
  if (pinned_) {
    release_pinned_ = [leave = std::move(leave), before = std::move(release_pinned_)] {
      if (leave) leave();
      if (before) before();
    };
  } else if (leave) {
    leave();
  }
}

TensorImpl::~TensorImpl() = default;

void* TensorImpl::operator new(size_t bytes) { return take_block(bytes); }
void TensorImpl::operator delete(void* object) { give_block(object, sizeof(TensorImpl)); }

void TensorImpl::refresh() {
  numel = 1;
  contiguous = true;
  for (size_t d = sizes.size(); d-- > 0;) {
    if (sizes[d] != 1 && strides[d] != numel) contiguous = false;
    TENON_CHECK(!__builtin_mul_overflow(numel, sizes[d], &numel), "the number of elements of a tensor of shape ",
                IntArrayRef(sizes), " does not fit in 64 bits");
  }
  if (numel == 0) contiguous = true;
}

}  // namespace tenon
