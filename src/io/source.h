// Source: bytes at rest, of a file or in memory, from which tensors are read or which they view. Sink: where bytes go.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "tenon/tensor/tensor.h"

namespace tenon::io {

class TENON_API Source {
 public:
  virtual ~Source() = default;
  uint64_t size() const { return size_; }
  // What errors call it.
  const std::string& name() const { return name_; }
  // Copies bytes out; a range that is not inside is a FileError.
  void read(uint64_t offset, uint64_t count, void* target) const;
  std::string read(uint64_t offset, uint64_t count) const;
  // Memory that holds these bytes: the mapping itself where it is aligned to `alignment` bytes, else a copy.
  StoragePtr storage(uint64_t offset, uint64_t count, size_t alignment) const;
  // Whether storage() gave a view.
  bool is_view(const Storage& storage) const;

 protected:
  Source(std::string name, uint64_t size) : name_(std::move(name)), size_(size) {}
  virtual void copy(uint64_t offset, uint64_t count, void* target) const = 0;
  // The bytes in place where tensors may view and edit them, else null.
  virtual char* mapped(uint64_t) const { return nullptr; }
  // Keeps what mapped() gave alive.
  virtual std::shared_ptr<void> owner() const { return nullptr; }
  void check(uint64_t offset, uint64_t count) const;

 private:
  std::string name_;
  uint64_t size_;
};

// A file. A mapped one is read when its bytes are first used, and edits of them stay in memory.
TENON_API std::unique_ptr<Source> open_file(const std::string& path, bool mapped);
// Bytes that outlive the source.
TENON_API std::unique_ptr<Source> open_memory(std::string_view bytes, std::string name = "the buffer");

using Sink = std::function<void(const void* data, size_t count)>;

// The bytes of a whole storage, in the memory of the CPU.
TENON_API StoragePtr on_cpu(const StoragePtr& storage);
// Turns the byte order of each item of `item` bytes round.
void swap_bytes(void* data, uint64_t count, size_t item);
// A tensor that views `storage`; one that reaches out of it is a FileError.
Tensor tensor_over(StoragePtr storage, ScalarType dtype, IntArrayRef sizes, IntArrayRef strides, int64_t offset,
                   std::string_view what);
// The strides of a dense row-major layout, and its number of elements; sizes that do not fit are a FileError.
std::vector<int64_t> dense_strides(IntArrayRef sizes, std::string_view what);
int64_t checked_numel(IntArrayRef sizes, std::string_view what);

// CRC-32 as zip files have it.
uint32_t crc32_of(const void* data, uint64_t count);

}  // namespace tenon::io
