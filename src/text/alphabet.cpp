// See alphabet.h.
#include "text/alphabet.h"

#include <array>

#include "text/unicode.h"

namespace tenon::text {
namespace {

constexpr bool is_visible(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
}

// Bytes that are visible as characters of their own number stand for themselves, the others for characters from 256 on.
struct Alphabet {
  std::array<uint16_t, 256> chars{};
  std::array<uint8_t, 68> others{};
};
constexpr Alphabet kAlphabet = [] {
  Alphabet made;
  unsigned others = 0;
  for (unsigned byte = 0; byte < 256; ++byte) {
    if (!is_visible(byte)) made.others[others] = static_cast<uint8_t>(byte);
    made.chars[byte] = static_cast<uint16_t>(is_visible(byte) ? byte : 256 + others++);
  }
  return made;
}();

}  // namespace

char32_t char_of_byte(uint8_t byte) { return kAlphabet.chars[byte]; }

std::optional<uint8_t> byte_of_char(char32_t code) {
  if (code < 256) return is_visible(code) ? std::optional<uint8_t>(code) : std::nullopt;
  return code < 256 + kAlphabet.others.size() ? std::optional<uint8_t>(kAlphabet.others[code - 256]) : std::nullopt;
}

std::string spelled(std::string_view bytes) {
  std::string token;
  for (const char byte : bytes) append_utf8(token, char_of_byte(static_cast<uint8_t>(byte)));
  return token;
}

std::string unspelled(std::string_view token) {
  std::string bytes;
  for (size_t at = 0; at < token.size();) {
    const Char next = char_at(token, at);
    const auto byte = byte_of_char(next.code);
    if (!byte) return std::string(token);
    bytes.push_back(static_cast<char>(*byte));
    at += next.length;
  }
  return bytes;
}

}  // namespace tenon::text
