// Elements of any dtype as plain bytes, to move them about. Depends on nothing.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tenon::cpu {

struct Bytes16 {
  uint64_t words[2];
};

// visit(T{}) for a type T of `size` bytes.
template <class Visit>
decltype(auto) visit_size(size_t size, const Visit& visit) {
  switch (size) {
    case 1: return visit(uint8_t{});
    case 2: return visit(uint16_t{});
    case 4: return visit(uint32_t{});
    case 8: return visit(uint64_t{});
    default: return visit(Bytes16{});
  }
}

}  // namespace tenon::cpu
