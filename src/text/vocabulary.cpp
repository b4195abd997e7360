// See vocabulary.h.
#include "text/vocabulary.h"

#include <algorithm>

#include "tenon/base/error.h"

namespace tenon::text {

Vocabulary::Vocabulary(const Vocabulary& other)
    : ids_(other.ids_), tokens_(other.tokens_.size()), added_ids_(other.added_ids_), added_(other.added_) {
  for (const auto& [token, id] : ids_) tokens_[id] = &token;
}

bool Vocabulary::add(const std::string& token, uint32_t id) {
  TENON_CHECK_VALUE(id < kMostIds, "token '", token, "' has the id ", id, "; ids below ", kMostIds, " are allowed");
  if (model_token(id) != nullptr) return false;
  const auto [place, is_new] = ids_.emplace(token, id);
  if (!is_new) return false;
  if (id >= tokens_.size()) tokens_.resize(id + 1);
  tokens_[id] = &place->first;
  return true;
}

std::optional<uint32_t> Vocabulary::model_id(std::string_view token) const {
  const auto found = ids_.find(token);
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

const std::string* Vocabulary::model_token(uint32_t id) const { return id < tokens_.size() ? tokens_[id] : nullptr; }

bool Vocabulary::add(const AddedToken& token) {
  if (token.content.empty()) return false;
  if (const auto known = added_ids_.find(token.content); known != added_ids_.end()) {
    AddedToken& old = added_.at(known->second);
    return old != token && (old = token, true);
  }
  // The number of the model's tokens, or one more than the greatest id that was added.
  const auto size = static_cast<uint32_t>(ids_.size());
  const uint32_t next = added_.empty() ? size : std::max(size, added_.rbegin()->first + 1);
  const uint32_t id = model_id(token.content).value_or(next);
  TENON_CHECK_VALUE(id < kMostIds, "a vocabulary may have ", kMostIds, " ids");
  added_ids_.emplace(token.content, id);
  added_.insert_or_assign(id, token);
  return true;
}

std::optional<uint32_t> Vocabulary::id(std::string_view token) const {
  const auto found = added_ids_.find(token);
  return found == added_ids_.end() ? model_id(token) : found->second;
}

const std::string* Vocabulary::token(uint32_t id) const {
  const auto found = added_.find(id);
  return found == added_.end() ? model_token(id) : &found->second.content;
}

bool Vocabulary::is_special(uint32_t id) const {
  const auto found = added_.find(id);
  return found != added_.end() && found->second.special;
}

}  // namespace tenon::text
