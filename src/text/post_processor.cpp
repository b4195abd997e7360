// See post_processor.h.
#include "text/post_processor.h"

#include <algorithm>

#include "text/unicode.h"
#include "text/vocabulary.h"

namespace tenon::text {
namespace {

// How the alphabet spells a space.
constexpr std::string_view kSpelledSpace = "\xC4\xA0";

// How many bytes of a text the white space at the start, or at the end, of a token stands for, and its characters.
struct Spaces {
  uint32_t characters = 0, bytes = 0;
};
Spaces leading_spaces(std::string_view token) {
  Spaces found;
  for (size_t length; !token.empty(); token.remove_prefix(length)) {
    const bool is_spelled = token.starts_with(kSpelledSpace);
    length = is_spelled ? kSpelledSpace.size() : char_at(token, 0).length;
    if (!is_spelled && leading_space(token.substr(0, length)) == 0) break;
    ++found.characters;
    found.bytes += is_spelled ? 1 : static_cast<uint32_t>(length);
  }
  return found;
}
uint32_t trailing_spaces(std::string_view token) {
  uint32_t bytes = 0;
  while (!token.empty()) {
    const size_t start = char_begin(token, token.size() - 1);
    const bool is_spelled = token.substr(start) == kSpelledSpace;
    if (!is_spelled && trailing_space(token.substr(start)) == 0) break;
    bytes += is_spelled ? 1 : static_cast<uint32_t>(token.size() - start);
    token.remove_suffix(token.size() - start);
  }
  return bytes;
}

void trim(Encoding& encoding, bool add_prefix_space) {
  for (Encoding& part : encoding.overflowing) trim(part, add_prefix_space);
  for (size_t i = 0; i < encoding.tokens.size(); ++i) {
    Token& token = encoding.tokens[i];
    // What was added is trimmed where it is found.
    const std::string* const text = encoding.vocabulary->model_token(token.id);
    if (text == nullptr || encoding.vocabulary->is_added(token.id)) continue;
    // The one space that may have been put before the text covers nothing of it.
    const Spaces leading = leading_spaces(*text);
    const bool was_put = leading.characters == 1 && add_prefix_space && (i == 0 || token.begin == 0);
    if (!was_put) token.begin = std::min(token.begin + leading.bytes, token.end);
    const uint32_t trailing = trailing_spaces(*text);
    token.end = std::max(token.end - std::min(token.end, trailing), token.begin);
  }
}

void mark(Encoding& encoding, int8_t sequence, uint32_t type_id) {
  for (Encoding& part : encoding.overflowing) mark(part, sequence, type_id);
  for (Token& token : encoding.tokens) {
    token.sequence = sequence;
    token.type_id = type_id;
  }
}

}  // namespace

size_t PostProcessor::special_tokens(bool is_pair) const {
  size_t count = 0;
  for (const Element& element : is_pair ? pair : single) count += element.ids.size();
  return count;
}

Encoding PostProcessor::process(Encoding first, Encoding* second, bool add_special_tokens) const {
  if (trim_offsets) {
    trim(first, add_prefix_space);
    if (second != nullptr) trim(*second, add_prefix_space);
  }
  const std::vector<Element>& elements = second != nullptr ? pair : single;
  if (elements.size() == 1 && elements[0].sequence == 0) {
    mark(first, 0, elements[0].type_id);
    return first;
  }
  Encoding whole;
  whole.vocabulary = first.vocabulary;
  if (second != nullptr) whole.sequences = 2;
  for (const Element& element : elements) {
    if (element.sequence) {
      Encoding& part = *element.sequence == 0 ? first : *second;
      mark(part, static_cast<int8_t>(*element.sequence), element.type_id);
      whole.append(part, false);
    } else if (add_special_tokens) {
      Encoding part;
      for (const uint32_t id : element.ids) {
        Token token;
        token.id = id;
        token.type_id = element.type_id;
        token.special = true;
        part.tokens.push_back(token);
      }
      whole.append(part, false);
    }
  }
  return whole;
}

}  // namespace tenon::text
