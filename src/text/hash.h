// Hashes of words and of pairs of tokens. Depends on the standard library only.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace tenon::text {

// Spreads a number over 64 bits, of which the upper ones are the best.
inline uint64_t mix(uint64_t number) {
  number ^= number >> 32;
  number *= 0x9E3779B97F4A7C15u;
  number ^= number >> 29;
  return number * 0xBF58476D1CE4E5B9u;
}

inline uint64_t hash_of(std::string_view word) {
  uint64_t hash = word.size();
  size_t at = 0;
  for (; at + 8 <= word.size(); at += 8) {
    uint64_t eight;
    std::memcpy(&eight, word.data() + at, 8);
    hash = mix(hash ^ eight);
  }
  uint64_t rest = 0;
  std::memcpy(&rest, word.data() + at, word.size() - at);
  hash = mix(hash ^ rest);
  return hash ^ hash >> 32;
}

}  // namespace tenon::text
