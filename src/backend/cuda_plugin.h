// What the library and its CUDA plug-in agree on. The plug-in exports one C function, `tenon_cuda_backend`.
#pragma once

#include "backend/backend.h"

namespace tenon {

// Differs where the two were built from different sources: then the plug-in is refused.
inline constexpr uint64_t kCudaPluginLayout =
    sizeof(Backend) * 65536 + sizeof(TensorView) * 4096 + static_cast<uint64_t>(ElementwiseKernel::count);

// The backend, or null with the reason why there is none, a string that stays valid.
using CudaBackendFunction = const Backend*(uint64_t layout, const char** reason);

}  // namespace tenon
