// What merging needs beside bpe.cpp: its table, the workspaces of threads and their caches. See bpe.h.
#include <algorithm>
#include <bit>

#include "text/bpe.h"
#include "text/hash.h"

namespace tenon::text {
namespace {

// When the cache holds as many bytes of words or pieces of them it begins anew.
constexpr size_t kCacheLimit = 1 << 20;

}  // namespace

Workspace::Workspace() = default;
Workspace::~Workspace() = default;

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
