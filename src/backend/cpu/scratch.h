// Scratch: working memory of a kernel, of the caching allocator as tensors are: it counts towards the memory limit, and
// where there is none, the error tells how much was asked for.
#pragma once

#include <utility>

#include "backend/cpu/memory.h"

namespace tenon::cpu {

// At least `bytes` bytes aligned to 64, uninitialised.
class Scratch {
 public:
  explicit Scratch(size_t bytes) : bytes_(bytes), data_(cpu_memory.allocate(bytes, -1)) {}
  Scratch(Scratch&& other) noexcept : bytes_(other.bytes_), data_(std::exchange(other.data_, nullptr)) {}
  Scratch(const Scratch&) = delete;
  ~Scratch() { cpu_memory.deallocate(data_, bytes_, -1); }

  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }

 private:
  size_t bytes_;
  void* data_;
};

}  // namespace tenon::cpu
