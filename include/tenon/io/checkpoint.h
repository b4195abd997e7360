// PyTorch's .pt and .pth files: read without ever running code from them, and written so that PyTorch reads them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tenon/io/value.h"

namespace tenon::io {

struct LoadOptions {
  // Tensors view the file, which is read when they are first used; edits of them stay in memory. Legacy files, and
  // records that are not aligned, are copied in any case.
  bool mapped = false;
  // Where tensors go; unset, where they were saved from.
  std::optional<Device> device;
};

// Zip archives and the older format. Tensors that shared memory share it again.
TENON_API Value load_checkpoint(const std::string& path, const LoadOptions& options = {});
TENON_API Value load_checkpoint_bytes(std::string_view bytes, const LoadOptions& options = {});

// The file appears whole or not at all.
TENON_API void save_checkpoint(const std::string& path, const Value& value);
TENON_API std::string save_checkpoint_bytes(const Value& value);

}  // namespace tenon::io
