// How texts become tokens. See inside.h.
#include <algorithm>

#include "tenon/base/error.h"
#include "text/inside.h"
#include "text/split.h"
#include "text/unicode.h"

namespace tenon::text {
namespace {

// Texts beyond this have no offsets of 32 bits.
constexpr size_t kLongestText = UINT32_MAX - 1;

// Turns offsets in bytes into offsets in characters; a byte that is no part of one counts as one.
void count_characters(std::vector<Token>& tokens, std::string_view text) {
  uint32_t byte = 0, character = 0;
  const auto advance = [&](uint32_t to) {
    if (to < byte) byte = character = 0;
    while (byte < to) {
      byte += char_at(text, byte).length;
      ++character;
    }
    return character;
  };
  for (Token& token : tokens) {
    token.begin = advance(token.begin);
    // Two tokens can be of one character.
    const uint32_t begin_byte = byte, begin = character;
    token.end = advance(token.end);
    byte = begin_byte;
    character = begin;
  }
}

bool is_ascii(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char byte) { return static_cast<unsigned char>(byte) >= 0x80; });
}

}  // namespace

void Tokenizer::Inside::encode_section(std::string_view text, const Section& section, Workspace& workspace,
                                       uint32_t& word, std::vector<Token>& tokens) const {
  Token token;
  token.sequence = 0;
  if (section.id) {
    token.id = *section.id;
    size_t begin = section.begin, end = section.end;
    if (post_processor.trim_offsets) {
      // The spaces that the token took along.
      const std::string_view taken = text.substr(begin, end - begin);
      const size_t before = leading_space(taken);
      const bool counts_as_put = before > 0 && before == char_at(taken, 0).length && post_processor.add_prefix_space &&
                                 (tokens.empty() || begin == 0);
      if (!counts_as_put) begin += before;
      end = std::max(end - trailing_space(taken), begin);
    }
    token.begin = static_cast<uint32_t>(begin);
    token.end = static_cast<uint32_t>(end);
    token.word = word++;
    tokens.push_back(token);
    return;
  }
  std::string_view part = text.substr(section.begin, section.end - section.begin);
  const size_t prefix = options.add_prefix_space && !part.starts_with(' ') ? 1 : 0;
  if (prefix > 0) {
    workspace.prefixed.assign(1, ' ').append(part);
    part = workspace.prefixed;
  }
  for (size_t at = 0; at < part.size();) {
    const size_t end = options.use_regex ? word_end(part, at) : part.size();
    workspace.pieces.clear();
    bpe->encode_word(part.substr(at, end - at), workspace, workspace.pieces);
    token.word = word++;
    for (const Piece& piece : workspace.pieces) {
      // The space that was put before the text is of its first character.
      const size_t begin = section.begin + std::max(at, prefix) - prefix;
      const size_t stop = section.begin + std::max(at + piece.length, 2 * prefix) - prefix;
      token.id = piece.id;
      token.begin = static_cast<uint32_t>(char_begin(text, begin));
      token.end = static_cast<uint32_t>(char_end(text, stop));
      tokens.push_back(token);
      at += piece.length;
    }
    at = end;
  }
}

Encoding Tokenizer::Inside::encode(std::string_view text, Workspace& workspace, OffsetUnit unit) const {
  TENON_CHECK_VALUE(text.size() <= kLongestText, "encode: a text of ", text.size(), " bytes; ", kLongestText,
                    " are allowed");
  Encoding encoding;
  encoding.vocabulary = vocabulary;
  uint32_t word = 0;
  std::vector<Section> sections;
  added.split(text, sections);
  encoding.tokens.reserve(text.size() / 4 + 4);
  for (const Section& section : sections) encode_section(text, section, workspace, word, encoding.tokens);
  if (unit == OffsetUnit::Character && !is_ascii(text)) count_characters(encoding.tokens, text);
  return encoding;
}

Encoding Tokenizer::Inside::encode(std::string_view text, const std::string_view* pair, bool add_special_tokens,
                                   OffsetUnit unit, Workspace& workspace) const {
  Encoding first = encode(text, workspace, unit), second;
  if (pair != nullptr) second = encode(*pair, workspace, unit);
  Encoding* const other = pair != nullptr ? &second : nullptr;
  if (truncation) truncate(first, other, add_special_tokens);
  return post_processor.process(std::move(first), other, add_special_tokens);
}

void Tokenizer::Inside::truncate(Encoding& first, Encoding* second, bool add_special_tokens) const {
  const Truncation& wanted = *truncation;
  const size_t added_count = add_special_tokens ? post_processor.special_tokens(second != nullptr) : 0;
  TENON_CHECK_VALUE(wanted.max_length >= added_count, "encode: truncation to ", wanted.max_length,
                    " tokens leaves no room for ", added_count, " special tokens");
  const size_t length = wanted.max_length - added_count;
  const auto cut = [&](Encoding& encoding, size_t to) { encoding.truncate(to, wanted.stride, wanted.direction); };
  if (length == 0) {
    cut(first, 0);
    if (second != nullptr) cut(*second, 0);
    return;
  }
  const size_t total = first.size() + (second != nullptr ? second->size() : 0);
  if (total <= length) return;
  if (wanted.strategy != TruncationStrategy::LongestFirst) {
    const bool is_second = wanted.strategy == TruncationStrategy::OnlySecond;
    TENON_CHECK_VALUE(!is_second || second != nullptr, "encode: truncation of the second text, of which there is none");
    Encoding& target = is_second ? *second : first;
    TENON_CHECK_VALUE(target.size() > total - length, "encode: truncation to ", wanted.max_length, " tokens would take ",
                      total - length, " from a text of ", target.size());
    cut(target, target.size() - (total - length));
    return;
  }
  if (second == nullptr) return cut(first, length);
  // The longer text is cut first; where both are too long each gets a half.
  size_t shorter = std::min(first.size(), second->size());
  size_t longer = shorter > length ? shorter : std::max(shorter, length - shorter);
  if (shorter + longer > length) {
    shorter = length / 2;
    longer = shorter + length % 2;
  }
  const bool swapped = first.size() > second->size();
  cut(first, swapped ? longer : shorter);
  cut(*second, swapped ? shorter : longer);
}

void Tokenizer::Inside::pad(std::span<Encoding> encodings) const {
  if (!padding) return;
  size_t length = padding->length.value_or(0);
  if (!padding->length) {
    for (const Encoding& encoding : encodings) length = std::max(length, encoding.size());
  }
  if (const size_t multiple = padding->pad_to_multiple_of; multiple > 0) {
    length = (length + multiple - 1) / multiple * multiple;
  }
  for (Encoding& encoding : encodings) encoding.pad(length, *padding);
}

}  // namespace tenon::text
