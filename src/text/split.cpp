// See split.h.
#include "text/split.h"

#include "text/unicode.h"

namespace tenon::text {
namespace {

enum class Group { Letter, Number, Space, Rest };

Group group_of(const CharClasses& classes, char32_t code) {
  constexpr Group kGroups[] = {Group::Rest, Group::Letter, Group::Number, Group::Number, Group::Rest, Group::Space};
  return kGroups[static_cast<size_t>(classes.of(code))];
}

// The length of an English contraction such as 're at the start of a text that begins with an apostrophe, or 0.
size_t contraction(std::string_view text) {
  if (text.size() < 2) return 0;
  const char first = text[1];
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if (text.size() < 3) return 0;
  const std::string_view two = text.substr(1, 2);
  return two == "re" || two == "ve" || two == "ll" ? 3 : 0;
}

}  // namespace

size_t word_end(std::string_view text, size_t at) {
  const CharClasses& classes = CharClasses::get();
  if (text[at] == '\'') {
    if (const size_t length = contraction(text.substr(at))) return at + length;
  }
  // A word may begin with one space, if it does not end there.
  const size_t start = at + (text[at] == ' ' && at + 1 < text.size() ? 1 : 0);
  Char next = char_at(text, start);
  const Group group = group_of(classes, next.code);
  if (group != Group::Space) {
    size_t end = start + next.length;
    for (; end < text.size(); end += next.length) {
      next = char_at(text, end);
      if (group_of(classes, next.code) != group) break;
    }
    return end;
  }
  // White space leaves its last character to the word after it.
  size_t end = at, last = at;
  for (; end < text.size(); end += next.length) {
    next = char_at(text, end);
    if (group_of(classes, next.code) != Group::Space) break;
    last = end;
  }
  return end == text.size() || last == at ? end : last;
}

}  // namespace tenon::text
