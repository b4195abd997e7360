// Safetensors files: named tensors and text about them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tenon/io/error.h"
#include "tenon/tensor/tensor.h"

namespace tenon::io {

using TensorDict = std::map<std::string, Tensor>;
using Metadata = std::map<std::string, std::string>;

// A file whose tensors are made when they are asked for. Those on the CPU view the file, which is read when they are
// first used: edits of them stay in memory.
class SafetensorsFile {
 public:
  struct Entry {
    ScalarType dtype;
    std::vector<int64_t> shape;
    uint64_t offset;  // in the file
    uint64_t nbytes;
  };

  TENON_API explicit SafetensorsFile(const std::string& path);
  // Of bytes in memory, which are copied into the tensors and must outlive this.
  TENON_API static SafetensorsFile of_bytes(std::string_view bytes);
  TENON_API ~SafetensorsFile();
  TENON_API SafetensorsFile(SafetensorsFile&&) noexcept;

  // In the order of their data.
  const std::vector<std::string>& keys() const { return keys_; }
  const Metadata& metadata() const { return metadata_; }
  // Where there is none of this name, an IndexError.
  TENON_API const Entry& entry(const std::string& name) const;
  TENON_API Tensor tensor(const std::string& name, Device device = kCPU) const;

 private:
  class Inside;
  explicit SafetensorsFile(std::unique_ptr<Inside> inside);
  void read_header();

  std::unique_ptr<Inside> inside_;
  std::vector<std::string> keys_;
  std::map<std::string, Entry> entries_;
  Metadata metadata_;
};

TENON_API TensorDict load_safetensors(const std::string& path, Device device = kCPU);
TENON_API TensorDict load_safetensors_bytes(std::string_view bytes, Device device = kCPU);

// The file appears whole or not at all. Complex numbers of 128 bits have no name in the format.
TENON_API void save_safetensors(const std::string& path, const TensorDict& tensors, const Metadata& metadata = {});
TENON_API std::string save_safetensors_bytes(const TensorDict& tensors, const Metadata& metadata = {});

}  // namespace tenon::io
