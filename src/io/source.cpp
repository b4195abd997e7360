// See source.h.
#include "io/source.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "io/atomic_file.h"
#include "tenon/base/parallel.h"
#include "tenon/io/error.h"

namespace tenon::io {
namespace {

class Descriptor {
 public:
  explicit Descriptor(const std::string& path) : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (number_ < 0) fail_system("open", path);
  }
  ~Descriptor() { ::close(number_); }
  Descriptor(const Descriptor&) = delete;
  int number() const { return number_; }
  uint64_t size(const std::string& path) const {
    struct stat status;
    if (::fstat(number_, &status) < 0) fail_system("examine", path);
    if (S_ISDIR(status.st_mode)) {
      errno = EISDIR;
      fail_system("read", path);
    }
    return static_cast<uint64_t>(status.st_size);
  }

 private:
  int number_;
};

class FileSource final : public Source {
 public:
  FileSource(const std::string& path, std::unique_ptr<Descriptor> file)
      : Source(path, file->size(path)), file_(std::move(file)) {}

 protected:
  void copy(uint64_t offset, uint64_t count, void* target) const override {
    char* at = static_cast<char*>(target);
    while (count > 0) {
      // The system takes no more than this at once.
      const ssize_t got = ::pread(file_->number(), at, std::min<uint64_t>(count, 1u << 30), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail_system("read", name());
      TENON_CHECK_FILE(got > 0, name(), " became shorter while it was read");
      at += got;
      offset += static_cast<uint64_t>(got);
      count -= static_cast<uint64_t>(got);
    }
  }

 private:
  std::unique_ptr<Descriptor> file_;
};

class MappedSource final : public Source {
 public:
  MappedSource(const std::string& path, const Descriptor& file) : Source(path, file.size(path)) {
    if (size() == 0) return;
    // Private and without reserved swap: edits copy a page, and only then cost memory.
    void* const start = ::mmap(nullptr, size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file.number(), 0);
    if (start == MAP_FAILED) fail_system("map", path);
    mapping_ = std::shared_ptr<void>(start, [bytes = size()](void* mapping) { ::munmap(mapping, bytes); });
  }

 protected:
  void copy(uint64_t offset, uint64_t count, void* target) const override {
    std::memcpy(target, mapped(offset), count);
  }
  char* mapped(uint64_t offset) const override { return static_cast<char*>(mapping_.get()) + offset; }
  std::shared_ptr<void> owner() const override { return mapping_; }

 private:
  std::shared_ptr<void> mapping_;
};

class MemorySource final : public Source {
 public:
  MemorySource(std::string_view bytes, std::string name) : Source(std::move(name), bytes.size()), bytes_(bytes) {}

 protected:
  void copy(uint64_t offset, uint64_t count, void* target) const override {
    std::memcpy(target, bytes_.data() + offset, count);
  }

 private:
  std::string_view bytes_;
};

}  // namespace

void Source::check(uint64_t offset, uint64_t count) const {
  TENON_CHECK_FILE(offset <= size_ && count <= size_ - offset, name_, " is cut short or damaged: ", count,
                   " bytes at offset ", offset, " are asked for, and it has ", size_);
}

void Source::read(uint64_t offset, uint64_t count, void* target) const {
  check(offset, count);
  if (count > 0) copy(offset, count, target);
}

std::string Source::read(uint64_t offset, uint64_t count) const {
  check(offset, count);
  std::string bytes(count, '\0');
  if (count > 0) copy(offset, count, bytes.data());
  return bytes;
}

StoragePtr Source::storage(uint64_t offset, uint64_t count, size_t alignment) const {
  check(offset, count);
  char* const place = count > 0 ? mapped(offset) : nullptr;
  if (place && reinterpret_cast<uintptr_t>(place) % alignment == 0) {
    return make_intrusive<Storage>(place, count, Device(kCPU), [owner = owner()] {});
  }
  auto storage = make_intrusive<Storage>(count, Device(kCPU));
  if (count > 0) copy(offset, count, storage->data());
  return storage;
}

bool Source::is_view(const Storage& storage) const {
  const char *const data = static_cast<const char*>(storage.data()), *const start = mapped(0);
  return start && data >= start && data < start + size_;
}

std::unique_ptr<Source> open_file(const std::string& path, bool mapped) {
  auto file = std::make_unique<Descriptor>(path);
  if (mapped) return std::make_unique<MappedSource>(path, *file);
  return std::make_unique<FileSource>(path, std::move(file));
}

std::unique_ptr<Source> open_memory(std::string_view bytes, std::string name) {
  return std::make_unique<MemorySource>(bytes, std::move(name));
}

StoragePtr on_cpu(const StoragePtr& storage) {
  if (storage->device().is_cpu()) return storage;
  const auto count = static_cast<int64_t>(storage->nbytes());
  const Tensor bytes(make_intrusive<TensorImpl>(storage, DimVector{count}, DimVector{1}, 0, kByte));
  return bytes.cpu().storage();
}

void swap_bytes(void* data, uint64_t count, size_t item) {
  if (item < 2) return;
  char* const bytes = static_cast<char*>(data);
  for (uint64_t at = 0; at + item <= count; at += item) std::reverse(bytes + at, bytes + at + item);
}

int64_t checked_numel(IntArrayRef sizes, std::string_view what) {
  int64_t numel = 1;
  bool fits = true, empty = false;
  for (const int64_t size : sizes) {
    TENON_CHECK_FILE(size >= 0, what, " has the negative size ", size);
    if (size == 0) empty = true;
    if (__builtin_mul_overflow(numel, std::max<int64_t>(size, 1), &numel)) fits = false;
  }
  TENON_CHECK_FILE(fits, what, " has a shape of more elements than 64 bits count");
  return empty ? 0 : numel;
}

std::vector<int64_t> dense_strides(IntArrayRef sizes, std::string_view what) {
  checked_numel(sizes, what);
  std::vector<int64_t> strides(sizes.size(), 1);
  for (size_t d = sizes.size(); d-- > 1;) strides[d - 1] = strides[d] * std::max<int64_t>(sizes[d], 1);
  return strides;
}

Tensor tensor_over(StoragePtr storage, ScalarType dtype, IntArrayRef sizes, IntArrayRef strides, int64_t offset,
                   std::string_view what) {
  TENON_CHECK_FILE(sizes.size() == strides.size(), what, " has ", sizes.size(), " sizes and ", strides.size(),
                   " strides");
  TENON_CHECK_FILE(offset >= 0, what, " begins at the negative offset ", offset);
  const bool empty = checked_numel(sizes, what) == 0;
  int64_t last = offset;
  bool inside = true;
  for (size_t d = 0; d < sizes.size(); ++d) {
    TENON_CHECK_FILE(strides[d] >= 0, what, " has the negative stride ", strides[d]);
    int64_t reach = 0;
    if (empty) continue;
    inside = inside && !__builtin_mul_overflow(sizes[d] - 1, strides[d], &reach) &&
             !__builtin_add_overflow(last, reach, &last);
  }
  const uint64_t elements = storage->nbytes() / element_size(dtype);
  TENON_CHECK_FILE(empty || (inside && static_cast<uint64_t>(last) < elements), what, " of shape ", sizes,
                   " and strides ", strides, " at offset ", offset, " reaches out of its storage of ", elements,
                   " elements");
  DimVector own_sizes(sizes.begin(), sizes.end()), own_strides(strides.begin(), strides.end());
  return Tensor(
      make_intrusive<TensorImpl>(std::move(storage), std::move(own_sizes), std::move(own_strides), offset, dtype));
}

uint32_t crc32_of(const void* data, uint64_t count) {
  constexpr uint64_t kPiece = 1 << 20;
  const auto pieces = static_cast<int64_t>((count + kPiece - 1) / kPiece);
  const auto piece_size = [&](int64_t i) { return std::min(kPiece, count - static_cast<uint64_t>(i) * kPiece); };
  std::vector<uint32_t> sums(static_cast<size_t>(pieces));
  parallel_for(0, pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto* piece = static_cast<const Bytef*>(data) + static_cast<uint64_t>(i) * kPiece;
      sums[static_cast<size_t>(i)] = static_cast<uint32_t>(::crc32(0, piece, static_cast<uInt>(piece_size(i))));
    }
  });
  uLong sum = 0;
  for (int64_t i = 0; i < pieces; ++i) {
    sum = ::crc32_combine(sum, sums[static_cast<size_t>(i)], static_cast<z_off_t>(piece_size(i)));
  }
  return static_cast<uint32_t>(sum);
}

}  // namespace tenon::io
