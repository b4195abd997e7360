// Statistics and settings of the CPU's caching allocator.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tenon/base/export.h"

namespace tenon {

struct MemoryStats {
  size_t in_use = 0;          // bytes in blocks that are allocated now, rounded up to their size classes
  size_t peak = 0;            // the most that in_use has been since start or reset_peak_memory()
  size_t cached = 0;          // bytes held for reuse
  uint64_t allocations = 0;   // how many blocks were asked for so far
  uint64_t cache_misses = 0;  // how many of these had to come from the operating system
  size_t limit = 0;           // see set_memory_limit
};

TENON_API MemoryStats memory_stats();
// Makes the peak what is in use now.
TENON_API void reset_peak_memory();
// The most bytes that may be in use; SIZE_MAX, the default, is no limit. An allocation that would exceed it first gives
// the cache back and then throws OutOfMemoryError.
TENON_API void set_memory_limit(size_t bytes);
// The most bytes that blocks shared between threads may hold for reuse; by default half of the memory the process may
// use.
TENON_API void set_memory_cache_limit(size_t bytes);
// Gives what this thread and all threads together hold for reuse back to the operating system.
TENON_API void empty_cache();

}  // namespace tenon
