// Zip archives as PyTorch and NumPy write them: stored or deflated records, zip64, no encryption.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "io/source.h"

namespace tenon::io {

class TENON_API ZipReader {
 public:
  struct Record {
    std::string name;
    uint64_t offset = 0;  // of the data
    uint64_t packed = 0;  // bytes in the file
    uint64_t size = 0;    // bytes unpacked
    uint32_t crc = 0;
    bool deflated = false;
  };

  // Reads the directory; the source must outlive the reader.
  explicit ZipReader(const Source& source);
  static bool is_zip(const Source& source);

  // In the order of the archive.
  const std::vector<Record>& records() const { return records_; }
  // Null where there is none of this name.
  const Record* find(std::string_view name) const;
  std::string read(const Record& record) const;
  // The record as memory for a tensor: a view of a mapped source where it is stored, else a copy whose sum is checked.
  StoragePtr storage(const Record& record, size_t alignment) const;

 private:
  void check_sum(const Record& record, const void* data) const;
  void unpack(const Record& record, void* target) const;

  const Source& source_;
  std::vector<Record> records_;
  std::map<std::string, size_t, std::less<>> by_name_;
};

// Writes stored records aligned to 64 bytes, laid out as PyTorch lays them out so that its readers find them, or
// deflated ones.
class TENON_API ZipWriter {
 public:
  explicit ZipWriter(Sink sink) : sink_(std::move(sink)) {}
  void add(const std::string& name, const void* data, uint64_t size, bool deflate = false);
  void add(const std::string& name, std::string_view bytes) { add(name, bytes.data(), bytes.size()); }
  // Writes the directory.
  void finish();

 private:
  void put(std::string_view bytes);

  struct Entry {
    std::string name;
    uint64_t header = 0, packed = 0, size = 0;
    uint32_t crc = 0;
    bool deflated = false;
  };
  Sink sink_;
  uint64_t position_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace tenon::io
