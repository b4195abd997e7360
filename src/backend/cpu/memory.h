// The CPU's memory family: a caching allocator behind the backend interface.
#pragma once

#include "backend/backend.h"

namespace tenon {

TENON_API extern const MemoryKernels cpu_memory;

}  // namespace tenon
