// See train.h. Of all pairs of neighbours the most frequent is merged next, and of equals the one with the smaller ids: the
// order of the `tokenizers` package. A pair comes up only while the later of its two tokens is made, so it is queued once.
#include "text/train.h"

#include <algorithm>
#include <queue>

#include "text/alphabet.h"
#include "text/hash.h"

namespace tenon::text {
namespace {

constexpr uint32_t kNone = Bpe::kNone;

uint64_t pair_of(uint32_t left, uint32_t right) { return uint64_t{left} << 32 | right; }

// The pairs of neighbours with their counts and, as lists in one pool, the words that each came up in since it was
// queued.
class Pairs {
 public:
  struct Pair {
    uint64_t pair;
    int64_t count = 0;
    uint32_t words = kNone;  // a list
  };
  struct Node {
    uint32_t word, next;
  };

  Pairs() : slots_(1 << 16, kNone) {}

  // Adds to the count of a pair; a pair that a word gained is listed with it.
  void change(uint64_t pair, int64_t count, uint32_t word) {
    const uint32_t place = place_of(pair);
    Pair& found = pairs_[place];
    found.count += count;
    if (count < 0 || (found.words != kNone && nodes_[found.words].word == word)) return;
    if (found.words == kNone) fresh_.push_back(place);
    found.words = new_node(word, found.words);
  }
  int64_t count(uint32_t place) const { return pairs_[place].count; }
  const Pair& at(uint32_t place) const { return pairs_[place]; }
  const Node& node(uint32_t at) const { return nodes_[at]; }
  // Gives use(place, list) each pair that gained words since the last call.
  template <class Use>
  void take_fresh(Use&& use) {
    for (const uint32_t place : fresh_) use(place, std::exchange(pairs_[place].words, kNone));
    fresh_.clear();
  }
  // Gives the nodes of a list back.
  void release(uint32_t list) {
    while (list != kNone) free_ = std::exchange(list, std::exchange(nodes_[list].next, free_));
  }

 private:
  uint32_t new_node(uint32_t word, uint32_t next) {
    if (free_ == kNone) {
      nodes_.push_back({word, next});
      return static_cast<uint32_t>(nodes_.size() - 1);
    }
    const uint32_t node = free_;
    free_ = nodes_[node].next;
    nodes_[node] = {word, next};
    return node;
  }
  uint32_t place_of(uint64_t pair) {
    size_t slot = slot_of(pair);
    for (; slots_[slot] != kNone; slot = (slot + 1) & (slots_.size() - 1)) {
      if (pairs_[slots_[slot]].pair == pair) return slots_[slot];
    }
    const auto place = static_cast<uint32_t>(pairs_.size());
    slots_[slot] = place;
    pairs_.push_back({pair});
    if (2 * pairs_.size() > slots_.size()) grow();
    return place;
  }
  size_t slot_of(uint64_t pair) const { return mix(pair) >> 20 & (slots_.size() - 1); }
  void grow() {
    slots_.assign(2 * slots_.size(), kNone);
    for (uint32_t i = 0; i < pairs_.size(); ++i) {
      size_t slot = slot_of(pairs_[i].pair);
      while (slots_[slot] != kNone) slot = (slot + 1) & (slots_.size() - 1);
      slots_[slot] = i;
    }
  }

  std::vector<uint32_t> slots_;
  std::vector<Pair> pairs_;
  std::vector<Node> nodes_;
  std::vector<uint32_t> fresh_;
  uint32_t free_ = kNone;
};

// The words as symbols, one after the other.
class Words {
 public:
  Words(const WordCounts& counts, const std::array<uint32_t, 256>& byte_ids) {
    size_t total = 0;
    for (const auto& word : counts.words()) total += word.length;
    symbols_.reserve(total);
    for (const auto& word : counts.words()) {
      words_.push_back({symbols_.size(), word.length, static_cast<int64_t>(word.count)});
      for (const char byte : counts.bytes_of(word)) symbols_.push_back(byte_ids[static_cast<uint8_t>(byte)]);
    }
  }
  uint32_t size() const { return static_cast<uint32_t>(words_.size()); }

  void count_pairs(uint32_t word, Pairs& pairs) const {
    const auto [start, length, count] = words_[word];
    for (size_t i = 0; i + 1 < length; ++i) {
      pairs.change(pair_of(symbols_[start + i], symbols_[start + i + 1]), count, word);
    }
  }

  // Puts `product` in the place of each pair left-right of a word and tells which pairs came and went beside them.
  void merge(uint32_t word, const Merge& merge, Pairs& pairs) {
    auto& [start, length, count] = words_[word];
    uint32_t* const symbols = symbols_.data() + start;
    size_t put = 0;
    for (size_t i = 0; i < length; ++i) {
      if (symbols[i] != merge.left || i + 1 == length || symbols[i + 1] != merge.right) {
        symbols[put++] = symbols[i];
        continue;
      }
      if (put > 0) {
        pairs.change(pair_of(symbols[put - 1], merge.left), -count, word);
        pairs.change(pair_of(symbols[put - 1], merge.product), count, word);
      }
      if (i + 2 < length) {
        pairs.change(pair_of(merge.right, symbols[i + 2]), -count, word);
        pairs.change(pair_of(merge.product, symbols[i + 2]), count, word);
      }
      symbols[put++] = merge.product;
      ++i;
    }
    length = put;
  }

 private:
  struct Word {
    size_t start, length;
    int64_t count;
  };
  std::vector<Word> words_;
  std::vector<uint32_t> symbols_;
};

// A pair with the words that it came up in when it was queued.
struct Queued {
  int64_t count;
  uint64_t pair;
  uint32_t place, words;
  bool operator<(const Queued& other) const { return count != other.count ? count < other.count : pair > other.pair; }
};

// Gives each byte the id of its character: the alphabet follows the special tokens in the order of its characters.
std::array<uint32_t, 256> add_alphabet(Vocabulary& vocabulary) {
  std::array<uint32_t, 256> byte_ids{};
  for (char32_t code = 0, left = 256; left > 0; ++code) {
    const auto byte = byte_of_char(code);
    if (!byte) continue;
    --left;
    const std::string token = spelled(std::string(1, static_cast<char>(*byte)));
    vocabulary.add(token, static_cast<uint32_t>(vocabulary.model_size()));
    byte_ids[*byte] = *vocabulary.model_id(token);
  }
  return byte_ids;
}

}  // namespace

Learned learn_merges(const WordCounts& counts, const TrainingOptions& options) {
  auto made = std::make_unique<Vocabulary>();
  Vocabulary& vocabulary = *made;
  const auto next_id = [&] { return static_cast<uint32_t>(vocabulary.model_size()); };
  for (const AddedToken& token : options.special_tokens) vocabulary.add(token.content, next_id());
  const std::array<uint32_t, 256> byte_ids = add_alphabet(vocabulary);

  Words words(counts, byte_ids);
  Pairs pairs;
  std::priority_queue<Queued> queue;
  const auto queue_fresh = [&] {
    pairs.take_fresh([&](uint32_t place, uint32_t list) {
      if (pairs.count(place) > 0) {
        queue.push({pairs.count(place), pairs.at(place).pair, place, list});
      } else {
        pairs.release(list);
      }
    });
  };
  for (uint32_t word = 0; word < words.size(); ++word) words.count_pairs(word, pairs);
  queue_fresh();

  std::vector<Merge> merges;
  const auto fewest = static_cast<int64_t>(std::min<uint64_t>(std::max<uint64_t>(options.min_frequency, 1), INT64_MAX));
  while (vocabulary.model_size() < options.vocab_size && !queue.empty()) {
    Queued top = queue.top();
    queue.pop();
    if (const int64_t count = pairs.count(top.place); count != top.count) {
      top.count = count;
      queue.push(top);
      continue;
    }
    if (top.count < fewest) break;
    Merge merge{static_cast<uint32_t>(top.pair >> 32), static_cast<uint32_t>(top.pair), next_id()};
    const std::string token = *vocabulary.model_token(merge.left) + *vocabulary.model_token(merge.right);
    if (!vocabulary.add(token, merge.product)) merge.product = *vocabulary.model_id(token);
    merges.push_back(merge);
    for (uint32_t node = top.words; node != kNone; node = pairs.node(node).next) {
      words.merge(pairs.node(node).word, merge, pairs);
    }
    pairs.release(top.words);
    queue_fresh();
    if (options.progress && merges.size() % 64 == 0) {
      options.progress({"merging", vocabulary.model_size(), options.vocab_size});
    }
  }
  return {std::move(made), std::move(merges)};
}

}  // namespace tenon::text
