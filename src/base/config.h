// What the environment says. Each function reads its variable anew; absent or empty means unset.
// Nonsense throws ValueError naming the variable, what it holds and what would be valid.
#pragma once

#include <optional>
#include <string>

#include "tenon/base/export.h"

namespace tenon::config {

inline constexpr int kMaxThreads = 1024;

// TENON_NUM_THREADS: 1 to kMaxThreads.
TENON_API std::optional<int> num_threads();
// TENON_CUDA_DEVICE: the index of the device that "cuda" means.
TENON_API std::optional<int> cuda_device();
// TENON_CUDA_PLUGIN: where the CUDA plug-in is.
TENON_API std::optional<std::string> cuda_plugin();
// TENON_CPU_ISA: the position in the choices baseline, avx2, avx512.
TENON_API std::optional<int> cpu_isa();
// TENON_LOG_LEVEL: the position in the choices debug, info, warning, error.
TENON_API std::optional<int> log_level();

}  // namespace tenon::config
