// The Encoding of tenon/text/tokenizer.h.
#include <algorithm>

#include "tenon/base/error.h"
#include "text/vocabulary.h"

namespace tenon::text {
namespace {

// What `truncate` keeps, and after it what overflows: ranges of places.
std::vector<std::pair<size_t, size_t>> parts_of(size_t size, size_t length, size_t stride, Side direction) {
  std::vector<std::pair<size_t, size_t>> parts;
  const size_t step = length - stride;
  if (direction == Side::Right) {
    for (size_t start = 0;; start += step) {
      parts.emplace_back(start, std::min(start + length, size));
      if (parts.back().second == size) return parts;
    }
  }
  for (size_t stop = size;; stop -= step) {
    parts.emplace_back(stop < length ? 0 : stop - length, stop);
    if (parts.back().first == 0) return parts;
  }
}

}  // namespace

std::vector<uint32_t> Encoding::ids() const {
  std::vector<uint32_t> ids(tokens.size());
  std::transform(tokens.begin(), tokens.end(), ids.begin(), [](const Token& token) { return token.id; });
  return ids;
}

std::vector<uint32_t> Encoding::attention_mask() const {
  std::vector<uint32_t> mask(tokens.size());
  std::transform(tokens.begin(), tokens.end(), mask.begin(), [](const Token& token) { return token.padding ? 0 : 1; });
  return mask;
}

std::string Encoding::text_of(size_t i) const {
  TENON_CHECK_INDEX(i < tokens.size(), "text_of: token ", i, " of an encoding of ", tokens.size());
  if (tokens[i].padding) return pad_token;
  const std::string* const token = vocabulary ? vocabulary->token(tokens[i].id) : nullptr;
  return token ? *token : std::string();
}

void Encoding::pad(size_t length, const Padding& padding) {
  for (Encoding& part : overflowing) part.pad(length, padding);
  if (tokens.size() >= length) return;
  Token filler;
  filler.id = padding.pad_id;
  filler.type_id = padding.pad_type_id;
  filler.special = filler.padding = true;
  pad_token = padding.pad_token;
  tokens.insert(padding.direction == Side::Left ? tokens.begin() : tokens.end(), length - tokens.size(), filler);
}

void Encoding::truncate(size_t length, size_t stride, Side direction) {
  if (length >= tokens.size()) return;
  if (length == 0) {
    Encoding rest = *this;
    rest.overflowing.clear();
    tokens.clear();
    overflowing.assign(1, std::move(rest));
    return;
  }
  TENON_CHECK_VALUE(stride < length, "truncate: a stride of ", stride, " must be less than the length left, ", length);
  overflowing.clear();
  const auto parts = parts_of(tokens.size(), length, stride, direction);
  const auto at = [&](size_t place) { return tokens.begin() + static_cast<long>(place); };
  for (size_t i = 1; i < parts.size(); ++i) {
    overflowing.push_back({{at(parts[i].first), at(parts[i].second)}, {}, pad_token, sequences, vocabulary});
  }
  tokens = {at(parts[0].first), at(parts[0].second)};
}

void Encoding::append(const Encoding& next, bool growing_offsets) {
  const auto joined = [&](const Encoding& first, const Encoding& second) {
    Encoding both{first.tokens, {}, first.pad_token, std::max(sequences, next.sequences),
                  vocabulary ? vocabulary : next.vocabulary};
    const uint32_t start = growing_offsets && !both.tokens.empty() ? both.tokens.back().end : 0;
    if (both.pad_token.empty()) both.pad_token = second.pad_token;
    for (Token token : second.tokens) {
      token.begin += start;
      token.end += start;
      both.tokens.push_back(token);
    }
    return both;
  };
  // Each part of one with each of the other.
  std::vector<Encoding> parts;
  for (const Encoding& mine : overflowing) {
    parts.push_back(joined(mine, next));
    for (const Encoding& other : next.overflowing) parts.push_back(joined(mine, other));
  }
  for (const Encoding& other : next.overflowing) parts.push_back(joined(*this, other));
  *this = joined(*this, next);
  overflowing = std::move(parts);
}

}  // namespace tenon::text
