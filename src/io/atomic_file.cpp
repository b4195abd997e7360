// See atomic_file.h.
#include "io/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "tenon/io/error.h"

namespace tenon::io {
namespace {

constexpr size_t kBuffer = 1 << 20;

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

std::string resolved(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  return real ? std::string(real.get()) : path;
}

// No other process and no other call of this one uses it.
std::string name_beside(const std::string& path) {
  static std::atomic<uint64_t> count{0};
  const size_t slash = path.rfind('/');
  const size_t start = slash == std::string::npos ? 0 : slash + 1;
  // A long name leaves room for what is added.
  return concat(path.substr(0, start), ".", path.substr(start, 180), ".", ::getpid(), ".", count.fetch_add(1), ".tmp");
}

void write_all(int descriptor, const char* data, size_t count, const std::string& path) {
  while (count > 0) {
    const ssize_t put = ::write(descriptor, data, std::min<size_t>(count, 1u << 30));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail_system("write", path);
    data += put;
    count -= static_cast<size_t>(put);
  }
}

}  // namespace

void fail_system(const char* verb, const std::string& path) {
  const int code = errno;
  throw FileError(concat("cannot ", verb, " ", path, ": ", std::strerror(code)), code, path);
}

AtomicFile::AtomicFile(const std::string& path) : path_(resolved(path)) {
  struct stat status;
  const bool exists = ::stat(path_.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) {
    errno = EISDIR;
    fail_system("write", path_);
  }
  in_place_ = exists && !S_ISREG(status.st_mode);
  if (in_place_) {
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor_ < 0) fail_system("open", path_);
    return;
  }
  if (exists && ::access(path_.c_str(), W_OK) != 0) fail_system("write", path_);
  open_beside();
  if (exists) ::fchmod(descriptor_, status.st_mode & 07777);
}

void AtomicFile::open_beside() {
#ifdef O_TMPFILE
  // A file without a name leaves nothing behind, however the process ends.
  descriptor_ = ::open(folder_of(path_).c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  if (descriptor_ >= 0) return;
#endif
  temporary_ = name_beside(path_);
  descriptor_ = ::open(temporary_.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    temporary_.clear();
    fail_system("write", path_);
  }
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(const void* data, size_t count) {
  const char* bytes = static_cast<const char*>(data);
  if (buffer_.size() + count <= kBuffer) {
    buffer_.append(bytes, count);
    return;
  }
  flush();
  if (count <= kBuffer) {
    buffer_.assign(bytes, count);
  } else {
    write_all(descriptor_, bytes, count, path_);
  }
}

void AtomicFile::flush() {
  write_all(descriptor_, buffer_.data(), buffer_.size(), path_);
  buffer_.clear();
}

void AtomicFile::commit() {
  flush();
  if (in_place_) return;
  if (::fsync(descriptor_) < 0) fail_system("write", path_);
  if (temporary_.empty()) {
    // A name can be given only where there is none, so the rename that replaces the old file needs one beside it.
    const std::string link = "/proc/self/fd/" + std::to_string(descriptor_), name = name_beside(path_);
    if (::linkat(AT_FDCWD, link.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) < 0) fail_system("write", path_);
    temporary_ = name;
  }
  if (::rename(temporary_.c_str(), path_.c_str()) < 0) fail_system("replace", path_);
  temporary_.clear();
  const int folder = ::open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;  // a folder that may not be read cannot be flushed either
  ::fsync(folder);
  ::close(folder);
}

}  // namespace tenon::io
