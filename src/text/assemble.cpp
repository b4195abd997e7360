// What is made of encoded texts: pairs of them, cut, with special tokens, padded. See inside.h.
#include <algorithm>

#include "tenon/base/error.h"
#include "text/inside.h"

namespace tenon::text {

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
  TENON_CHECK_VALUE(wanted.max_length >= added_count, "encode: truncation to " + std::to_string(wanted.max_length) +
                                                          " tokens leaves no room for " + std::to_string(added_count) +
                                                          " special tokens");
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
    TENON_CHECK_VALUE(target.size() > total - length, "encode: truncation to " + std::to_string(wanted.max_length) +
                                                          " tokens would take " + std::to_string(total - length) +
                                                          " from a text of " + std::to_string(target.size()));
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
