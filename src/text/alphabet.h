// The alphabet of byte-level vocabularies, in which a visible character stands for each byte. Depends on unicode.h only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tenon::text {

char32_t char_of_byte(uint8_t byte);
std::optional<uint8_t> byte_of_char(char32_t code);

// Bytes spelled in the alphabet.
std::string spelled(std::string_view bytes);
// The bytes that a token spells; a token with a character that is not of the alphabet stands for itself.
std::string unspelled(std::string_view token);

}  // namespace tenon::text
