// NumPy's .npy and .npz files.
#pragma once

#include <string>
#include <string_view>

#include "tenon/io/error.h"
#include "tenon/io/safetensors.h"

namespace tenon::io {

// Every numeric dtype, both byte orders and both orders of dims, versions 1 to 3. Arrays of objects are refused: they
// hold pickles. A mapped tensor views the file as far as its bytes allow.
TENON_API Tensor load_npy(const std::string& path, bool mapped = false);
TENON_API Tensor load_npy_bytes(std::string_view bytes);
// bfloat16, which NumPy does not have, is refused. The file appears whole or not at all.
TENON_API void save_npy(const std::string& path, const Tensor& tensor);
TENON_API std::string save_npy_bytes(const Tensor& tensor);

// A zip archive of such files, without the ending of their names.
TENON_API TensorDict load_npz(const std::string& path);
TENON_API TensorDict load_npz_bytes(std::string_view bytes);
TENON_API void save_npz(const std::string& path, const TensorDict& tensors, bool compressed = false);
TENON_API std::string save_npz_bytes(const TensorDict& tensors, bool compressed = false);

}  // namespace tenon::io
