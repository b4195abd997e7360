// What the address sanitizer must be told of memory that is kept for reuse, so that it still finds uses after free and
// past the end. Depends on nothing.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace tenon {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kAddressSanitizer = true;
inline void forbid_memory(const void* data, size_t bytes) { ASAN_POISON_MEMORY_REGION(data, bytes); }
inline void allow_memory(const void* data, size_t bytes) { ASAN_UNPOISON_MEMORY_REGION(data, bytes); }
#else
inline constexpr bool kAddressSanitizer = false;
inline void forbid_memory(const void*, size_t) {}
inline void allow_memory(const void*, size_t) {}
#endif

}  // namespace tenon
