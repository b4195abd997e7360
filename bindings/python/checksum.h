// CRC-32C, the checksum of TensorFlow's record files. Depends on nothing but the language.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace tenon::python {

// What eight bytes at once contribute: row k holds that of a byte with k more after it.
constexpr std::array<std::array<uint32_t, 256>, 8> crc32c_tables() {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? (crc >> 1) ^ 0x82F63B78u : crc >> 1;
    tables[0][byte] = crc;
  }
  for (size_t row = 1; row < 8; ++row) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t before = tables[row - 1][byte];
      tables[row][byte] = (before >> 8) ^ tables[0][before & 255];
    }
  }
  return tables;
}

inline uint32_t crc32c(const unsigned char* data, size_t size) {
  static constexpr auto tables = crc32c_tables();
  uint32_t crc = ~0u;
  for (; size >= 8; data += 8, size -= 8) {
    uint32_t next = 0;
    for (size_t k = 0; k < 8; ++k) {
      const uint32_t mixed = k < 4 ? data[k] ^ ((crc >> (8 * k)) & 255) : data[k];
      next ^= tables[7 - k][mixed];
    }
    crc = next;
  }
  for (; size > 0; ++data, --size) crc = (crc >> 8) ^ tables[0][(crc ^ *data) & 255];
  return ~crc;
}

}  // namespace tenon::python
