// AddedTokens: finds the added tokens of a vocabulary in texts. Depends on vocabulary.h.
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "text/vocabulary.h"

namespace tenon::text {

// A part of a text: an added token, or what is between them.
struct Section {
  size_t begin, end;
  std::optional<uint32_t> id;
};

class AddedTokens {
 public:
  AddedTokens() = default;
  // The vocabulary must outlive this.
  explicit AddedTokens(const Vocabulary& vocabulary);
  // The parts of a text in their order.
  void split(std::string_view text, std::vector<Section>& sections) const;

 private:
  struct Entry {
    const AddedToken* token;
    uint32_t id;
  };
  // Those that begin with a byte, the longest first.
  using ByFirst = std::array<std::vector<Entry>, 256>;
  static const Entry* find(const ByFirst& tokens, std::string_view text, size_t at);
  static void split(const ByFirst& tokens, std::string_view text, Section part, std::vector<Section>& sections);

  bool has_plain_ = false, has_normalized_ = false;
  ByFirst plain_, normalized_;
};

}  // namespace tenon::text
