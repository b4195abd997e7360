// See added_tokens.h.
#include "text/added_tokens.h"

#include <algorithm>

#include "text/unicode.h"

namespace tenon::text {

AddedTokens::AddedTokens(const Vocabulary& vocabulary) {
  for (const auto& [id, token] : vocabulary.added()) {
    (token.normalized ? has_normalized_ : has_plain_) = true;
    auto& place = (token.normalized ? normalized_ : plain_)[static_cast<uint8_t>(token.content[0])];
    place.push_back({&token, id});
  }
  for (ByFirst* tokens : {&plain_, &normalized_}) {
    for (auto& place : *tokens) {
      std::stable_sort(place.begin(), place.end(), [](const Entry& a, const Entry& b) {
        return a.token->content.size() > b.token->content.size();
      });
    }
  }
}

void AddedTokens::split(std::string_view text, std::vector<Section>& sections) const {
  sections.clear();
  const Section whole{0, text.size(), std::nullopt};
  if (!has_plain_) {
    sections.push_back(whole);
  } else {
    split(plain_, text, whole, sections);
  }
  if (!has_normalized_) return;
  std::vector<Section> parts;
  for (const Section& part : sections) {
    if (part.id) {
      parts.push_back(part);
    } else {
      split(normalized_, text, part, parts);
    }
  }
  sections.swap(parts);
}

const AddedTokens::Entry* AddedTokens::find(const ByFirst& tokens, std::string_view text, size_t at) {
  for (const Entry& entry : tokens[static_cast<uint8_t>(text[at])]) {
    if (text.compare(at, entry.token->content.size(), entry.token->content) == 0) return &entry;
  }
  return nullptr;
}

void AddedTokens::split(const ByFirst& tokens, std::string_view text, Section part, std::vector<Section>& sections) {
  // What lies outside of the part is not seen.
  text = text.substr(0, part.end);
  size_t done = part.begin;
  for (size_t at = part.begin; at < part.end; ++at) {
    const Entry* const found = find(tokens, text, at);
    if (found == nullptr) continue;
    const AddedToken& token = *found->token;
    size_t begin = at, end = at + token.content.size();
    at = end - 1;
    const std::string_view before = text.substr(part.begin, begin - part.begin);
    if (token.single_word && (ends_with_word(before) || starts_with_word(text.substr(end)))) continue;
    if (token.lstrip) begin -= trailing_space(before);
    if (token.rstrip) end += leading_space(text.substr(end));
    begin = std::max(begin, done);
    if (end <= begin) continue;
    if (done < begin) sections.push_back({done, begin, std::nullopt});
    sections.push_back({begin, end, found->id});
    done = end;
  }
  if (done < part.end) sections.push_back({done, part.end, std::nullopt});
}

}  // namespace tenon::text
