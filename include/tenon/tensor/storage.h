// Storage: the bytes that tensors share, and the counter by which autograd sees that they were edited.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>

#include "tenon/base/device.h"
#include "tenon/base/export.h"
#include "tenon/base/intrusive_ptr.h"

namespace tenon {

// Counts in-place edits, and remembers the op of the last one for error messages.
class VersionCounter {
 public:
  uint32_t value() const { return value_.load(std::memory_order_relaxed); }
  const char* last_op() const { return last_op_.load(std::memory_order_relaxed); }
  void bump(const char* op) {
    value_.fetch_add(1, std::memory_order_relaxed);
    last_op_.store(op, std::memory_order_relaxed);
  }

 private:
  std::atomic<uint32_t> value_{0};
  std::atomic<const char*> last_op_{nullptr};
};

class Storage final : public RefCounted {
 public:
  // Fresh memory of the device's backend.
  TENON_API Storage(size_t nbytes, Device device);
  // Borrowed memory, given back by calling `release` (which may be empty).
  TENON_API Storage(void* data, size_t nbytes, Device device, std::function<void()> release);
  TENON_API ~Storage();

  void* data() const { return data_; }
  size_t nbytes() const { return nbytes_; }
  // Resolved, so that equal devices compare equal.
  Device device() const { return device_; }
  VersionCounter& version() { return version_; }
  // Memory that must not be written, such as a read-only NumPy array.
  bool read_only() const { return read_only_; }
  void set_read_only() { read_only_ = true; }
  // Keeps the memory where it is from now on, because others than tensors use it.
  void pin() { pinned_ = true; }
  // Grows or shrinks, keeping the bytes that fit; throws for borrowed and for pinned memory.
  TENON_API void resize(size_t nbytes);
  // Moves the bytes of a CPU storage to memory that `release` gives back. What was pinned stays readable where it was.
  TENON_API void move_to(void* data, std::function<void()> release);
  // What gives borrowed memory back; empty for memory of the storage's own.
  const std::function<void()>& releaser() const { return release_; }

 private:
  void* data_ = nullptr;
  size_t nbytes_ = 0;
  Device device_;
  bool borrowed_ = false;
  bool read_only_ = false;
  bool pinned_ = false;
  VersionCounter version_;
  std::function<void()> release_;
  // Gives back what was pinned before it moved.
  std::function<void()> release_pinned_;
};
using StoragePtr = IntrusivePtr<Storage>;

}  // namespace tenon
