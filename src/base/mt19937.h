// The Mersenne Twister mt19937, whole blocks at a time. Depends on nothing.
#pragma once

#include <array>
#include <cstdint>

namespace tenon {

class Mt19937 {
 public:
  static constexpr int kWords = 624;

  explicit Mt19937(uint64_t seed);

  uint32_t next() {
    if (position_ == kWords) advance();
    return temper(words_[position_++]);
  }
  void fill(uint32_t* out, int64_t count);

  uint64_t seed() const { return seed_; }

  // The state as PyTorch describes it: `left` draws, the coming one included, until a new block; `next` is its place.
  struct State {
    uint64_t seed;
    int32_t left;
    uint32_t next;
    std::array<uint32_t, kWords> words;
  };
  State state() const;
  // Whether next and left belong together, so that no draw reads outside the block.
  static bool is_valid(const State& state);
  explicit Mt19937(const State& state);

 private:
  static uint32_t temper(uint32_t y) {
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
  }
  void advance();

  uint64_t seed_;
  int position_ = kWords;  // kWords: a new block is due
  bool fresh_ = true;      // no block was made since seeding
  std::array<uint32_t, kWords> words_;
};

}  // namespace tenon
