// See added_tokens.h.
#include "text/added_tokens.h"

#include <algorithm>

#include "text/unicode.h"

namespace tenon::text {

AddedTokens::AddedTokens(const Vocabulary& vocabulary) {
  for (const auto& [id, token] : vocabulary.added()) {
    auto& [entries, first] = token.normalized ? normalized_ : plain_;
    entries.push_back({&token, id, 0});
    uint32_t* link = &first[static_cast<uint8_t>(token.content[0])];
    while (*link != 0 && entries[*link - 1].token->content.size() > token.content.size()) {
      link = &entries[*link - 1].next;
    }
    entries.back().next = *link;
    *link = static_cast<uint32_t>(entries.size());
  }
}

void AddedTokens::split(std::string_view text, std::vector<Section>& sections) const {
  sections.clear();
  const Section whole{0, text.size(), std::nullopt};
  if (plain_.entries.empty()) {
    sections.push_back(whole);
  } else {
    split(plain_, text, whole, sections);
  }
  if (normalized_.entries.empty()) return;
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
  const Entry* entry = nullptr;
  for (uint32_t place = tokens.first[static_cast<uint8_t>(text[at])]; place != 0; place = entry->next) {
    entry = &tokens.entries[place - 1];
    if (text.compare(at, entry->token->content.size(), entry->token->content) == 0) return entry;
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
