// Vocabulary: the tokens of a model by id and by text, and those that were added to them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tenon/text/tokenizer.h"

namespace tenon::text {

class Vocabulary {
 public:
  Vocabulary() = default;
  Vocabulary(const Vocabulary& other);

  // Ids may have holes, but end here.
  static constexpr uint32_t kMostIds = 1 << 24;

  // Adds a token of the model; false where the text or the id is taken.
  bool add(const std::string& token, uint32_t id);
  size_t model_size() const { return ids_.size(); }
  // One more than the greatest id of the model.
  size_t model_end() const { return tokens_.size(); }
  std::optional<uint32_t> model_id(std::string_view token) const;
  const std::string* model_token(uint32_t id) const;

  // Adds a token beside the model, or marks one of the model's as added, or replaces the flags of one that was added;
  // false where there is nothing to do.
  bool add(const AddedToken& token);
  const std::map<uint32_t, AddedToken>& added() const { return added_; }

  std::optional<uint32_t> id(std::string_view token) const;
  const std::string* token(uint32_t id) const;
  bool is_special(uint32_t id) const;
  bool is_added(uint32_t id) const { return !added_.empty() && added_.contains(id); }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using Ids = std::unordered_map<std::string, uint32_t, Hash, std::equal_to<>>;
  Ids ids_;
  std::vector<const std::string*> tokens_;
  Ids added_ids_;
  std::map<uint32_t, AddedToken> added_;
};

}  // namespace tenon::text
