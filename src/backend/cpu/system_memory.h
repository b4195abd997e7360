// Blocks straight from the operating system: what the caching allocator builds on.
#pragma once

#include <cstddef>

namespace tenon::cpu {

// From this size on blocks are mapped one by one, aligned for huge pages.
inline constexpr size_t kMappedBytes = size_t{2} << 20;

// A block aligned to 64 bytes, or null. `bytes` is a multiple of 64.
void* system_allocate(size_t bytes);
// `bytes` as given to system_allocate.
void system_release(void* data, size_t bytes);
// The memory that this process may use: of the machine, or of its control group if less.
size_t system_memory();

}  // namespace tenon::cpu
