// Storage and TensorImpl: allocation, release, and the free lists that make small ops cheap.
#include "tenon/tensor/storage.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "backend/backend.h"
#include "base/sanitizer.h"
#include "tenon/tensor/tensor_impl.h"

namespace tenon {

Storage::Storage(size_t nbytes, Device device) : nbytes_(nbytes), device_(device) {
  // A device that is not there holds no storage, not even one of no bytes.
  const MemoryKernels& memory = *backend_of(device).memory;
  if (nbytes > 0) data_ = memory.allocate(nbytes, device.index());
}

Storage::Storage(void* data, size_t nbytes, Device device, std::function<void()> release)
    : data_(data), nbytes_(nbytes), device_(device), borrowed_(true), release_(std::move(release)) {}

Storage::~Storage() {
  if (borrowed_) {
    if (release_) release_();
  } else if (data_) {
    backend_of(device_).memory->deallocate(data_, nbytes_, device_.index());
  }
}

void Storage::resize(size_t nbytes) {
  if (nbytes == nbytes_) return;
  TENON_CHECK(!borrowed_, "resize: this storage borrows its memory, so its size is fixed at ", nbytes_, " bytes");
  TENON_CHECK(!pinned_, "resize: the memory of this storage is shared outside Tenon, so its size is fixed at ", nbytes_,
              " bytes");
  TENON_CHECK_DEVICE(device_.is_cpu(), "resize: only CPU storages can be resized, this one is on ", device_);
  const MemoryKernels& memory = *backend_of(device_).memory;
  void* grown = nbytes ? memory.allocate(nbytes, device_.index()) : nullptr;
  if (data_) {
    if (grown) std::memcpy(grown, data_, std::min(nbytes, nbytes_));
    memory.deallocate(data_, nbytes_, device_.index());
  }
  data_ = grown;
  nbytes_ = nbytes;
}

namespace {

// Blocks of one size, kept by the thread that freed them and chained through their own memory: thread-local storage
// must stay small for the library to be loadable by dlopen.
template <size_t Size>
class BlockCache {
 public:
  ~BlockCache() {
    while (head_) ::operator delete(std::exchange(head_, head_->next));
    count_ = kCapacity;
  }
  void* take() {
    if (!head_) return ::operator new(Size);
    --count_;
    return std::exchange(head_, head_->next);
  }
  void give(void* block) {
    if (count_ == kCapacity) {
      ::operator delete(block);
      return;
    }
    ++count_;
    head_ = new (block) FreeBlock{head_};
  }

 private:
  struct FreeBlock {
    FreeBlock* next;
  };
  static constexpr size_t kCapacity = kAddressSanitizer ? 0 : 64;
  FreeBlock* head_ = nullptr;
  size_t count_ = 0;
};

thread_local BlockCache<sizeof(TensorImpl)> impl_cache;

}  // namespace

TensorImpl::~TensorImpl() = default;

void* TensorImpl::operator new(size_t) { return impl_cache.take(); }
void TensorImpl::operator delete(void* object) { impl_cache.give(object); }

void TensorImpl::refresh() {
  numel = 1;
  contiguous = true;
  for (size_t d = sizes.size(); d-- > 0;) {
    if (sizes[d] != 1 && strides[d] != numel) contiguous = false;
    numel *= sizes[d];
  }
  if (numel == 0) contiguous = true;
}

}  // namespace tenon
