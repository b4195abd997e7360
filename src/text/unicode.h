// Characters of UTF-8 text and their classes. Depends on the standard library only.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace tenon::text {

// Numbers that are digits or letters, marks and connectors belong to words; other numbers, such as fractions, do not.
enum class CharClass : uint8_t { Other, Letter, Number, Digit, Mark, Space };

struct Char {
  char32_t code;  // kInvalid for a byte that is no part of valid UTF-8
  uint32_t length;
};
inline constexpr char32_t kInvalid = 0x110000;

// The character that begins at `at`, where the text must have a byte.
inline Char char_at(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const auto follows = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const size_t left = text.size() - at;
  const char32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  if (first >= 0xC2 && first < 0xE0 && left > 1 && follows(1)) return {(first & 0x1F) << 6 | (byte(1) & 0x3Fu), 2};
  if (first >= 0xE0 && first < 0xF0 && left > 2 && follows(1) && follows(2)) {
    const char32_t code = (first & 0x0F) << 12 | (byte(1) & 0x3Fu) << 6 | (byte(2) & 0x3Fu);
    if (code >= 0x800 && (code < 0xD800 || code > 0xDFFF)) return {code, 3};
  }
  if (first >= 0xF0 && first < 0xF5 && left > 3 && follows(1) && follows(2) && follows(3)) {
    const char32_t code =
        (first & 0x07) << 18 | (byte(1) & 0x3Fu) << 12 | (byte(2) & 0x3Fu) << 6 | (byte(3) & 0x3Fu);
    if (code >= 0x10000 && code < kInvalid) return {code, 4};
  }
  return {kInvalid, 1};
}

// Appends the UTF-8 of a valid code point.
void append_utf8(std::string& text, char32_t code);

// Where the character begins, or ends, that byte `at` lies inside of; `at` itself where it is between characters.
size_t char_begin(std::string_view text, size_t at);
size_t char_end(std::string_view text, size_t at);

// The classes of all characters, by pages of 256; pages that are alike are kept once.
class CharClasses {
 public:
  static const CharClasses& get();
  CharClass of(char32_t code) const {
    return code < kInvalid ? static_cast<CharClass>(classes_[size_t{pages_[code >> 8]} << 8 | (code & 0xFF)])
                           : CharClass::Other;
  }

 private:
  CharClasses();
  std::array<uint16_t, (kInvalid >> 8)> pages_;
  std::vector<uint8_t> classes_;
};

// Whether a text ends, or begins, inside of a word; a word has letters, digits, marks and connectors.
bool ends_with_word(std::string_view text);
bool starts_with_word(std::string_view text);
// The bytes of white space that a text begins, or ends, with.
size_t leading_space(std::string_view text);
size_t trailing_space(std::string_view text);

}  // namespace tenon::text
