// Whether arithmetic keeps denormal numbers, which some CPUs compute a hundred times slower than others.
#pragma once

#include "tenon/base/export.h"

namespace tenon {

// Makes this thread's ops, on all the threads that compute them, read and write denormal numbers as zero, or exactly
// again. Returns whether this CPU can.
TENON_API bool set_flush_denormal(bool flush);

}  // namespace tenon
