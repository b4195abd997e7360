// The Encoding of tenon/text/tokenizer.h.
#include <algorithm>

#include "tenon/base/error.h"
#include "text/vocabulary.h"

namespace tenon::text {
namespace {

// What `truncate` keeps, and after it what overflows: ranges of places.
using Ranges = std::vector<std::pair<size_t, size_t>>;
Ranges parts_of(size_t size, size_t length, size_t stride, Side direction) {
  Ranges parts;
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

Encoding::Encoding() = default;
Encoding::Encoding(const Encoding&) = default;
Encoding::Encoding(Encoding&&) noexcept = default;
Encoding& Encoding::operator=(const Encoding&) = default;
Encoding& Encoding::operator=(Encoding&&) noexcept = default;
Encoding::~Encoding() = default;

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
  TENON_CHECK_INDEX(i < tokens.size(),
                    "text_of: token " + std::to_string(i) + " of an encoding of " + std::to_string(tokens.size()));
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
  TENON_CHECK_VALUE(length == 0 || stride < length, "truncate: a stride of " + std::to_string(stride) +
                                                        " must be less than the length left, " +
                                                        std::to_string(length));
  const std::vector<Token> all = std::move(tokens);
  tokens.clear();
  overflowing.clear();
  // Without what it had and was cut into, as the parts are.
  const Encoding empty = *this;
  const auto fill = [&](Encoding& part, size_t begin, size_t end) {
    part.tokens.assign(all.begin() + static_cast<long>(begin), all.begin() + static_cast<long>(end));
  };
  const auto parts = length == 0 ? Ranges{{0, 0}, {0, all.size()}} : parts_of(all.size(), length, stride, direction);
  fill(*this, parts[0].first, parts[0].second);
  for (size_t i = 1; i < parts.size(); ++i) fill(overflowing.emplace_back(empty), parts[i].first, parts[i].second);
}

void Encoding::append(const Encoding& next, bool growing_offsets) {
  const auto join = [&](Encoding& first, const Encoding& second) {
    const uint32_t start = growing_offsets && !first.tokens.empty() ? first.tokens.back().end : 0;
    for (Token token : second.tokens) {
      token.begin += start;
      token.end += start;
      first.tokens.push_back(token);
    }
    first.sequences = std::max(first.sequences, next.sequences);
    if (!first.vocabulary) first.vocabulary = next.vocabulary;
    if (first.pad_token.empty()) first.pad_token = second.pad_token;
  };
  // Each part of one with each of the other.
  const std::vector<Encoding> mine = std::move(overflowing);
  overflowing.clear();
  std::vector<Encoding> parts;
  for (const Encoding& part : mine) {
    join(parts.emplace_back(part), next);
    for (const Encoding& other : next.overflowing) join(parts.emplace_back(part), other);
  }
  for (const Encoding& other : next.overflowing) join(parts.emplace_back(*this), other);
  join(*this, next);
  overflowing = std::move(parts);
}

}  // namespace tenon::text
