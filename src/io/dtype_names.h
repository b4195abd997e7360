// The names under which PyTorch's files speak of dtypes.
#pragma once

#include <optional>
#include <string_view>

#include "tenon/base/dtype.h"

namespace tenon::io {

// The dtype of "FloatStorage" and the like; UntypedStorage is one of bytes.
inline std::optional<ScalarType> dtype_of_storage(std::string_view name) {
#define TENON_STORAGE(type, dtype, python) \
  if (name == #dtype "Storage") return ScalarType::dtype;
  TENON_FORALL_DTYPES(TENON_STORAGE)
#undef TENON_STORAGE
  if (name == "UntypedStorage") return kByte;
  return std::nullopt;
}

inline const char* storage_name(ScalarType dtype) {
  switch (dtype) {
#define TENON_STORAGE(type, dtype, python) \
  case ScalarType::dtype:                  \
    return #dtype "Storage";
    TENON_FORALL_DTYPES(TENON_STORAGE)
#undef TENON_STORAGE
  }
  return "UntypedStorage";
}

// The dtype of "float32" and the like.
inline std::optional<ScalarType> dtype_of_name(std::string_view name) {
#define TENON_NAMED(type, dtype, python) \
  if (name == #python) return ScalarType::dtype;
  TENON_FORALL_DTYPES(TENON_NAMED)
#undef TENON_NAMED
  return std::nullopt;
}

}  // namespace tenon::io
