// The Mersenne Twister mt19937; see mt19937.h.
#include "base/mt19937.h"

#include <algorithm>

namespace tenon {
namespace {

constexpr int kShift = 397;

uint32_t twist(uint32_t current, uint32_t following) {
  const uint32_t mixed = (current & 0x80000000u) | (following & 0x7fffffffu);
  return (mixed >> 1) ^ (-(following & 1u) & 0x9908b0dfu);
}

}  // namespace

Mt19937::Mt19937(uint64_t seed) : seed_(seed) {
  words_[0] = static_cast<uint32_t>(seed);
  for (uint32_t i = 1; i < kWords; ++i) words_[i] = 1812433253u * (words_[i - 1] ^ (words_[i - 1] >> 30)) + i;
}

// Both loops vectorise: each reads ahead of, or 227 words behind, what it writes.
void Mt19937::advance() {
  uint32_t* const w = words_.data();
  constexpr int kSplit = kWords - kShift;
  for (int i = 0; i < kSplit; ++i) w[i] = w[i + kShift] ^ twist(w[i], w[i + 1]);
  for (int i = kSplit; i < kWords - 1; ++i) w[i] = w[i - kSplit] ^ twist(w[i], w[i + 1]);
  w[kWords - 1] = w[kShift - 1] ^ twist(w[kWords - 1], w[0]);
  position_ = 0;
  fresh_ = false;
}

void Mt19937::fill(uint32_t* out, int64_t count) {
  while (count > 0) {
    if (position_ == kWords) advance();
    const int run = static_cast<int>(std::min<int64_t>(count, kWords - position_));
    const uint32_t* from = words_.data() + position_;
    for (int i = 0; i < run; ++i) out[i] = temper(from[i]);
    position_ += run;
    out += run;
    count -= run;
  }
}

Mt19937::State Mt19937::state() const {
  if (fresh_) return {seed_, 1, 0, words_};
  return {seed_, kWords + 1 - position_, static_cast<uint32_t>(position_), words_};
}

bool Mt19937::is_valid(const State& state) {
  const bool fresh = state.left == 1 && state.next == 0;
  return fresh || (state.next >= 1 && state.next <= kWords && state.left == kWords + 1 - static_cast<int>(state.next));
}

Mt19937::Mt19937(const State& state)
    : seed_(state.seed), position_(static_cast<int>(state.next)), fresh_(state.next == 0), words_(state.words) {
  if (fresh_) position_ = kWords;
}

}  // namespace tenon
