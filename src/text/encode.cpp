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
  TENON_CHECK_VALUE(text.size() <= kLongestText,
                    "encode: a text of " + std::to_string(text.size()) + " bytes; fewer than 2^32 are allowed");
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

}  // namespace tenon::text
