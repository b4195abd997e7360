// See bpe.h.
#include "text/bpe.h"

#include <algorithm>
#include <bit>

#include "text/hash.h"

namespace tenon::text {
namespace {

constexpr uint32_t kNone = Bpe::kNone;
// Words up to this length look through all pairs for the next merge; longer ones keep them in a heap.
constexpr size_t kShort = 48;
// When the cache holds as many bytes of words or pieces of them it begins anew.
constexpr size_t kCacheLimit = 1 << 20;

}  // namespace

bool WordCache::find(std::string_view word, uint64_t hash, std::vector<Piece>& pieces) const {
  const Slot& slot = slots_[hash & (kSlots - 1)];
  if (slot.hash != hash || slot.length != word.size() || words_.compare(slot.word, slot.length, word) != 0) {
    return false;
  }
  pieces.insert(pieces.end(), pieces_.begin() + slot.pieces, pieces_.begin() + slot.pieces + slot.count);
  return true;
}

void WordCache::keep(std::string_view word, uint64_t hash, const Piece* pieces, size_t count) {
  if (words_.size() + word.size() > kCacheLimit || pieces_.size() + count > kCacheLimit) {
    std::fill(slots_.begin(), slots_.end(), Slot());
    words_.clear();
    pieces_.clear();
  }
  slots_[hash & (kSlots - 1)] = {hash, static_cast<uint32_t>(words_.size()), static_cast<uint32_t>(pieces_.size()),
                                 static_cast<uint16_t>(word.size()), static_cast<uint16_t>(count)};
  words_ += word;
  pieces_.insert(pieces_.end(), pieces, pieces + count);
}

Bpe::Bpe(Parts parts) : parts_(std::move(parts)) {
  const size_t size = std::bit_ceil(std::max<size_t>(2 * parts_.merges.size(), 2));
  slots_.resize(size);
  shift_ = 64 - std::countr_zero(size);
  for (uint32_t rank = 0; rank < parts_.merges.size(); ++rank) {
    const Merge& merge = parts_.merges[rank];
    const uint64_t pair = uint64_t{merge.left} << 32 | merge.right;
    size_t place = mix(pair) >> shift_;
    while (slots_[place].pair != UINT64_MAX && slots_[place].pair != pair) place = (place + 1) & (size - 1);
    slots_[place] = {pair, rank, merge.product};
  }
}

Bpe::~Bpe() {
  for (auto& place : spare_) delete place.load();
}

const Bpe::Slot& Bpe::find(uint32_t left, uint32_t right) const {
  const uint64_t pair = uint64_t{left} << 32 | right;
  size_t place = mix(pair) >> shift_;
  while (slots_[place].pair != pair && slots_[place].pair != UINT64_MAX) place = (place + 1) & (slots_.size() - 1);
  return slots_[place];
}

void Bpe::encode_word(std::string_view word, Workspace& workspace, std::vector<Piece>& pieces) const {
  if (word.size() > WordCache::kLongest) return merge_word(word, workspace, pieces);
  const uint64_t hash = hash_of(word);
  if (workspace.cache.find(word, hash, pieces)) return;
  const size_t before = pieces.size();
  merge_word(word, workspace, pieces);
  workspace.cache.keep(word, hash, pieces.data() + before, pieces.size() - before);
}

void Bpe::merge_word(std::string_view word, Workspace& workspace, std::vector<Piece>& pieces) const {
  if (parts_.whole_word) {
    if (const auto id = parts_.whole_word(word)) {
      pieces.push_back({*id, static_cast<uint32_t>(word.size())});
      return;
    }
  }
  auto& symbols = workspace.symbols;
  split_bytes(word, symbols);
  if (symbols.size() <= kShort) {
    merge_short(symbols);
  } else {
    merge_long(workspace);
  }
  for (const Workspace::Symbol& symbol : symbols) {
    if (symbol.length > 0) pieces.push_back({symbol.id, symbol.length});
  }
}

void Bpe::split_bytes(std::string_view word, std::vector<Workspace::Symbol>& symbols) const {
  symbols.clear();
  bool fuses = false;
  for (const char byte : word) {
    const uint32_t id = parts_.byte_ids[static_cast<unsigned char>(byte)];
    if (id != kNone) {
      symbols.push_back({id, 1, 0, 0});
    } else if (fuses) {
      ++symbols.back().length;
    } else if (parts_.unknown) {
      symbols.push_back({*parts_.unknown, 1, 0, 0});
    }
    fuses = id == kNone && parts_.unknown && parts_.fuse_unknown;
  }
}

void Bpe::merge_short(std::vector<Workspace::Symbol>& symbols) const {
  size_t count = symbols.size();
  if (count < 2) return;
  uint32_t ranks[kShort], products[kShort];
  const auto look = [&](size_t i) {
    const Slot& slot = find(symbols[i].id, symbols[i + 1].id);
    ranks[i] = slot.rank;
    products[i] = slot.product;
  };
  for (size_t i = 0; i + 1 < count; ++i) look(i);
  while (count > 1) {
    const size_t best = static_cast<size_t>(std::min_element(ranks, ranks + count - 1) - ranks);
    if (ranks[best] == kNone) break;
    symbols[best].id = products[best];
    symbols[best].length += symbols[best + 1].length;
    symbols.erase(symbols.begin() + static_cast<long>(best) + 1);
    --count;
    for (size_t i = best + 1; i + 1 < count; ++i) {
      ranks[i] = ranks[i + 1];
      products[i] = products[i + 1];
    }
    if (best > 0) look(best - 1);
    if (best + 1 < count) look(best);
  }
}

void Bpe::merge_long(Workspace& workspace) const {
  auto& symbols = workspace.symbols;
  auto& heap = workspace.heap;
  const auto later = [](const Workspace::Candidate& a, const Workspace::Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.place > b.place;
  };
  const auto candidate = [&](uint32_t place, uint32_t after) {
    const Slot& slot = find(symbols[place].id, symbols[after].id);
    return Workspace::Candidate{slot.rank, place, slot.product};
  };
  const auto last = static_cast<uint32_t>(symbols.size() - 1);
  heap.clear();
  for (uint32_t i = 0; i <= last; ++i) {
    symbols[i].before = i > 0 ? i - 1 : kNone;
    symbols[i].after = i < last ? i + 1 : kNone;
    if (i == last) break;
    if (const auto found = candidate(i, i + 1); found.rank != kNone) heap.push_back(found);
  }
  std::make_heap(heap.begin(), heap.end(), later);
  const auto push = [&](uint32_t place, uint32_t after) {
    const auto found = candidate(place, after);
    if (found.rank == kNone) return;
    heap.push_back(found);
    std::push_heap(heap.begin(), heap.end(), later);
  };
  while (!heap.empty()) {
    const Workspace::Candidate top = heap.front();
    std::pop_heap(heap.begin(), heap.end(), later);
    heap.pop_back();
    Workspace::Symbol& left = symbols[top.place];
    // The pair of which this spoke may be gone.
    if (left.length == 0 || left.after == kNone) continue;
    if (candidate(top.place, left.after).product != top.product) continue;
    Workspace::Symbol& right = symbols[left.after];
    left.id = top.product;
    left.length += right.length;
    right.length = 0;
    left.after = right.after;
    if (left.after != kNone) {
      symbols[left.after].before = top.place;
      push(top.place, left.after);
    }
    if (left.before != kNone) push(left.before, top.place);
  }
}

Bpe::Lease::Lease(const Bpe& bpe) : bpe_(bpe) {
  for (auto& place : bpe.spare_) {
    if (Workspace* found = place.load() != nullptr ? place.exchange(nullptr) : nullptr) {
      workspace_.reset(found);
      return;
    }
  }
  workspace_ = std::make_unique<Workspace>();
}

Bpe::Lease::~Lease() {
  for (auto& place : bpe_.spare_) {
    Workspace* none = nullptr;
    if (place.compare_exchange_strong(none, workspace_.get())) {
      workspace_.release();
      return;
    }
  }
}

}  // namespace tenon::text
