// AtomicFile: a file that appears at its path whole or not at all.
#pragma once

#include <cstdint>
#include <string>

#include "io/source.h"

namespace tenon::io {

// Throws the FileError of errno: "cannot <verb> <path>: <reason>".
[[noreturn]] void fail_system(const char* verb, const std::string& path);

// Written beside its path under another name; commit() puts it in the place of what was there. Whoever reads the path
// meanwhile, or after a crash at any moment, finds the old file or the new one. Devices and pipes are written in place.
class TENON_API AtomicFile {
 public:
  explicit AtomicFile(const std::string& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  void write(const void* data, size_t count);
  // Flushes to the disk and renames; without it the destructor leaves the path as it was.
  void commit();

 private:
  void flush();
  void open_beside();

  std::string path_;       // what the caller named, links resolved
  std::string temporary_;  // the name beside it; empty while the file has none
  int descriptor_ = -1;
  bool in_place_ = false;
  std::string buffer_;
};

// What `write`, called with a Sink, gives it: as a file that appears whole or not at all, or as bytes.
template <class Write>
void save_file(const std::string& path, Write&& write) {
  AtomicFile file(path);
  write([&](const void* data, size_t count) { file.write(data, count); });
  file.commit();
}
template <class Write>
std::string save_bytes(Write&& write) {
  std::string bytes;
  write([&](const void* data, size_t count) { bytes.append(static_cast<const char*>(data), count); });
  return bytes;
}

}  // namespace tenon::io
