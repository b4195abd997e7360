// Generator: a source of random numbers whose values and state are those of PyTorch's CPU generator (mt19937).
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "tenon/base/export.h"

namespace tenon {

// A handle: copies share one state. Whoever draws holds mutex(); seeding and state functions take it themselves.
class TENON_API Generator {
 public:
  static constexpr uint64_t kDefaultSeed = 67280421310721;
  // The bytes that get_state() gives.
  static constexpr size_t kStateBytes = 5056;

  explicit Generator(uint64_t seed = kDefaultSeed);

  // Starts the sequence of `seed` anew.
  Generator& manual_seed(uint64_t seed);
  // Starts anew from a seed that the system's entropy gives, and returns it.
  uint64_t seed();
  uint64_t initial_seed() const;
  // The whole state in the layout of torch.Generator.get_state().
  std::vector<uint8_t> get_state() const;
  // Throws Error, and changes nothing, if `state` is none that get_state() gives.
  void set_state(const std::vector<uint8_t>& state);
  // A generator of its own that goes on from the same state.
  Generator clone() const;
  friend bool operator==(const Generator& a, const Generator& b) { return a.impl_ == b.impl_; }

  std::mutex& mutex() const;

  // The next 32 bits, the next 64 (the first draw is the high half), and the next `count` draws of 32.
  uint32_t random();
  uint64_t random64();
  void random(uint32_t* out, int64_t count);
  // The second value of a pair of normal numbers, kept for the next call; taking it leaves none.
  std::optional<double> take_normal();
  void keep_normal(double value);

 private:
  struct Impl;
  explicit Generator(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

// The generator that functions use which are given none.
TENON_API Generator& default_generator();
// Seeds the default generator.
TENON_API Generator& manual_seed(uint64_t seed);

}  // namespace tenon
