// The size classes of the caching allocator: multiples of 64 bytes up to 1 KiB, then eight for each doubling, so that
// rounding up wastes at most an eighth. Depends on nothing.
#pragma once

#include <bit>
#include <cstddef>

namespace tenon::cpu {

inline constexpr size_t kAlignment = 64;
inline constexpr size_t kLinearBytes = 1024;
inline constexpr size_t kMaxBlockBytes = size_t{1} << 47;
inline constexpr int kLinearClasses = kLinearBytes / kAlignment;
inline constexpr int kSizeClasses = kLinearClasses + 8 * (47 - 10);

// The class of a block of `bytes`, which is at most kMaxBlockBytes.
constexpr int size_class(size_t bytes) {
  if (bytes <= kLinearBytes) return bytes == 0 ? 0 : static_cast<int>((bytes - 1) / kAlignment);
  const size_t last = bytes - 1;
  const int exponent = std::bit_width(last) - 1;
  return kLinearClasses + 8 * (exponent - 10) + static_cast<int>((last >> (exponent - 3)) & 7);
}

// The bytes that a block of a class has.
constexpr size_t class_bytes(int index) {
  if (index < kLinearClasses) return kAlignment * static_cast<size_t>(index + 1);
  const int exponent = 10 + (index - kLinearClasses) / 8;
  return static_cast<size_t>(9 + (index - kLinearClasses) % 8) << (exponent - 3);
}

}  // namespace tenon::cpu
