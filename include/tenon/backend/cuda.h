// The CUDA device of this process. Every function answers on machines without one.
#pragma once

#include <string>

#include "tenon/base/export.h"

namespace tenon::cuda {

// Whether tensors can be made on "cuda". The first call looks for the plug-in, beside the library and then where
// TENON_CUDA_PLUGIN says, and for a device; what it finds holds for the life of the process.
TENON_API bool is_available();
// Why CUDA cannot be used; empty when it can.
TENON_API std::string unavailable_reason();
// A process uses at most one device, called "cuda" or "cuda:0": the first, or that of the number TENON_CUDA_DEVICE.
TENON_API int device_count();
// Waits until all work on the device is done; throws DeviceError where there is none.
TENON_API void synchronize();
// Gives the memory that is kept for reuse back to the device.
TENON_API void empty_cache();

}  // namespace tenon::cuda
