// Scratch: aligned working memory that a thread keeps and reuses from call to call. Depends on base alone.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace tenon::cpu {

// A lease of at least `bytes` bytes, uninitialised. Leases of a thread end in the reverse order of their beginning.
class Scratch {
 public:
  explicit Scratch(size_t bytes) : block_(depth_ < kSlots ? slots_[depth_] : own_) {
    if (block_.size < bytes) {
      block_ = Block{};
      block_.data.reset(::operator new(bytes, kAlign));
      block_.size = bytes;
    }
    ++depth_;
  }
  ~Scratch() {
    --depth_;
    if (block_.size > kKeepAtMost) block_ = Block{};
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  template <class T>
  T* as() const {
    return static_cast<T*>(block_.data.get());
  }

 private:
  static constexpr size_t kKeepAtMost = size_t{32} << 20;
  static constexpr std::align_val_t kAlign{64};
  static constexpr int kSlots = 3;

  struct Free {
    void operator()(void* data) const { ::operator delete(data, kAlign); }
  };
  struct Block {
    std::unique_ptr<void, Free> data;
    size_t size;
  };

  static inline thread_local Block slots_[kSlots];
  static inline thread_local int depth_ = 0;
  Block own_{};
  Block& block_;
};

}  // namespace tenon::cpu
