// Pickles as Values: the globals that a checkpoint may name and what they make. Values as pickles that PyTorch reads.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tenon/io/value.h"

namespace tenon::io {

// What a pickle says of a storage, in a persistent id.
struct StorageId {
  std::string key;
  std::string location;
  ScalarType dtype;
  uint64_t nbytes;
};
using StorageLoader = std::function<StoragePtr(const StorageId&)>;

// The value of the first pickle in `bytes`, from whose start it is cut off. Storages come from `load`.
Value unpickle(std::string_view& bytes, const StorageLoader& load);

// The pickle of a value. The n-th of `storages`, to which those of its tensors are added, has the key n.
std::string pickle(const Value& value, std::vector<StoragePtr>& storages);

}  // namespace tenon::io
