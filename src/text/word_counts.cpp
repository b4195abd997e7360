// See word_counts.h.
#include "text/word_counts.h"

#include "tenon/base/parallel.h"
#include "text/hash.h"
#include "text/split.h"

namespace tenon::text {
namespace {

constexpr int64_t kTextsPerPiece = 256;

}  // namespace

void WordCounts::add(std::string_view word, uint64_t hash, uint64_t count) {
  size_t slot = hash & (slots_.size() - 1);
  for (; slots_[slot] != kFree; slot = (slot + 1) & (slots_.size() - 1)) {
    Word& known = words_[slots_[slot]];
    if (known.hash == hash && bytes_of(known) == word) {
      known.count += count;
      return;
    }
  }
  slots_[slot] = static_cast<uint32_t>(words_.size());
  words_.push_back({hash, count, bytes_.size(), word.size()});
  bytes_ += word;
  if (2 * words_.size() > slots_.size()) grow();
}

void WordCounts::add(const WordCounts& other) {
  for (const Word& word : other.words_) add(other.bytes_of(word), word.hash, word.count);
}

void WordCounts::grow() {
  slots_.assign(2 * slots_.size(), kFree);
  for (uint32_t i = 0; i < words_.size(); ++i) {
    size_t slot = words_[i].hash & (slots_.size() - 1);
    while (slots_[slot] != kFree) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = i;
  }
}

void WordCounter::count(const std::vector<std::string_view>& texts) {
  parallel_for(0, static_cast<int64_t>(texts.size()), kTextsPerPiece, [&](int64_t begin, int64_t end) {
    std::unique_ptr<WordCounts> counts;
    {
      std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        counts = std::move(free_.back());
        free_.pop_back();
      }
    }
    if (!counts) counts = std::make_unique<WordCounts>();
    std::string prefixed;
    for (int64_t i = begin; i < end; ++i) count_text(texts[static_cast<size_t>(i)], prefixed, *counts);
    std::lock_guard lock(mutex_);
    free_.push_back(std::move(counts));
  });
}

void WordCounter::count_text(std::string_view text, std::string& prefixed, WordCounts& counts) const {
  if (text.empty()) return;
  if (options_.add_prefix_space && text[0] != ' ') {
    prefixed.assign(1, ' ').append(text);
    text = prefixed;
  }
  for (size_t at = 0; at < text.size();) {
    const size_t end = options_.use_regex ? word_end(text, at) : text.size();
    const std::string_view word = text.substr(at, end - at);
    counts.add(word, hash_of(word), 1);
    at = end;
  }
}

WordCounts WordCounter::finish() {
  if (free_.empty()) return {};
  WordCounts all = std::move(*free_[0]);
  for (size_t i = 1; i < free_.size(); ++i) all.add(*free_[i]);
  free_.clear();
  return all;
}

}  // namespace tenon::text
