// WordCounts: how often each word occurs, counted on all threads. Depends on base.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "tenon/text/tokenizer.h"

namespace tenon::text {

class WordCounts {
 public:
  struct Word {
    uint64_t hash, count;
    size_t start, length;  // of its bytes
  };

  WordCounts() : slots_(1 << 10, kFree) {}
  void add(std::string_view word, uint64_t hash, uint64_t count);
  void add(const WordCounts& other);
  const std::vector<Word>& words() const { return words_; }
  std::string_view bytes_of(const Word& word) const { return std::string_view(bytes_).substr(word.start, word.length); }

 private:
  static constexpr uint32_t kFree = UINT32_MAX;
  void grow();
  std::vector<uint32_t> slots_;  // places in words_
  std::vector<Word> words_;
  std::string bytes_;
};

// Counts the words of texts.
class WordCounter {
 public:
  explicit WordCounter(const ByteLevelOptions& options) : options_(options) {}
  void count(const std::vector<std::string_view>& texts);
  // All that were counted. Once.
  WordCounts finish();

 private:
  void count_text(std::string_view text, std::string& prefixed, WordCounts& counts) const;
  ByteLevelOptions options_;
  std::mutex mutex_;
  // Each piece of the work takes one that is free; sums do not depend on which.
  std::vector<std::unique_ptr<WordCounts>> free_;
};

}  // namespace tenon::text
