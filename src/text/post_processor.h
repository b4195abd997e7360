// PostProcessor: what is done to the tokens of one text or two: offsets without white space, special tokens around them.
// Depends on vocabulary.h.
#pragma once

#include <vector>

#include "tenon/text/tokenizer.h"

namespace tenon::text {

struct PostProcessor {
  // A text, or special tokens, with a type.
  struct Element {
    std::optional<uint8_t> sequence;  // 0 or 1
    std::vector<uint32_t> ids;
    uint32_t type_id = 0;
  };
  bool trim_offsets = false;
  bool add_prefix_space = true;  // the space that was put before a text is not trimmed
  std::vector<Element> single{{0, {}, 0}};
  std::vector<Element> pair{{0, {}, 0}, {1, {}, 1}};

  size_t special_tokens(bool is_pair) const;
  Encoding process(Encoding first, Encoding* second, bool add_special_tokens) const;
};

}  // namespace tenon::text
