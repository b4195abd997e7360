// See unicode.h.
#include "text/unicode.h"

#include <algorithm>
#include <string>

namespace tenon::text {
namespace {

constexpr uint16_t kRuns[] = {
#include "text/unicode_classes.inc"
};
constexpr size_t kClasses = 6;

bool in_word(char32_t code) {
  const CharClass found = CharClasses::get().of(code);
  return found == CharClass::Letter || found == CharClass::Digit || found == CharClass::Mark;
}

bool is_space(char32_t code) { return CharClasses::get().of(code) == CharClass::Space; }

// The last character of a text that is not empty.
Char last_char(std::string_view text) {
  const size_t start = char_begin(text, text.size() - 1);
  return char_at(text, start);
}

}  // namespace

void append_utf8(std::string& text, char32_t code) {
  const auto add = [&](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (code < 0x80) return add(code);
  if (code < 0x800) {
    add(0xC0 | code >> 6);
  } else {
    if (code < 0x10000) {
      add(0xE0 | code >> 12);
    } else {
      add(0xF0 | code >> 18);
      add(0x80 | (code >> 12 & 0x3F));
    }
    add(0x80 | (code >> 6 & 0x3F));
  }
  add(0x80 | (code & 0x3F));
}

size_t char_begin(std::string_view text, size_t at) {
  if (at >= text.size() || (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80) return at;
  for (size_t back = 1; back <= 3 && back <= at; ++back) {
    const Char found = char_at(text, at - back);
    if (found.code != kInvalid) return found.length > back ? at - back : at;
  }
  return at;
}

size_t char_end(std::string_view text, size_t at) {
  const size_t begin = char_begin(text, at);
  return begin == at ? at : begin + char_at(text, begin).length;
}

const CharClasses& CharClasses::get() {
  static const CharClasses classes;
  return classes;
}

CharClasses::CharClasses() : classes_(kClasses << 8) {
  for (size_t i = 0; i < kClasses; ++i) std::fill_n(classes_.begin() + static_cast<long>(i << 8), 256, uint8_t(i));
  size_t run = 0, left = kRuns[0] >> 3;
  uint8_t page[256];
  for (uint16_t& place : pages_) {
    for (size_t filled = 0; filled < 256;) {
      const size_t count = std::min<size_t>(256 - filled, left);
      std::fill_n(page + filled, count, uint8_t(kRuns[run] & 7));
      filled += count;
      left -= count;
      if (left > 0) continue;
      // After the last run no character is assigned.
      if (++run < std::size(kRuns)) {
        left = kRuns[run] >> 3;
      } else {
        std::fill(page + filled, page + 256, uint8_t(CharClass::Other));
        filled = 256;
        run = 0;
        left = SIZE_MAX;
      }
    }
    const bool uniform = std::all_of(page, page + 256, [&](uint8_t one) { return one == page[0]; });
    place = uniform ? page[0] : static_cast<uint16_t>(classes_.size() >> 8);
    if (!uniform) classes_.insert(classes_.end(), page, page + 256);
  }
}

bool ends_with_word(std::string_view text) { return !text.empty() && in_word(last_char(text).code); }
bool starts_with_word(std::string_view text) { return !text.empty() && in_word(char_at(text, 0).code); }

size_t leading_space(std::string_view text) {
  size_t at = 0;
  while (at < text.size() && is_space(char_at(text, at).code)) at += char_at(text, at).length;
  return at;
}

size_t trailing_space(std::string_view text) {
  size_t left = text.size();
  while (left > 0 && is_space(last_char(text.substr(0, left)).code)) left -= last_char(text.substr(0, left)).length;
  return text.size() - left;
}

}  // namespace tenon::text
