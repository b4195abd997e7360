// Little-endian numbers in byte strings.
#pragma once

#include <cstring>
#include <string>
#include <type_traits>

namespace tenon::io {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are read and written as they are in memory");

// The caller knows that the bytes are there.
template <class T>
T load_number(const char* bytes) {
  static_assert(std::is_arithmetic_v<T>);
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

template <class T>
void append_number(std::string& bytes, T value) {
  static_assert(std::is_arithmetic_v<T>);
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

}  // namespace tenon::io
