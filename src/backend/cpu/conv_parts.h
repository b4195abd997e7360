// How the products of convolutions are cut: the blocks of positions, the tasks.
#pragma once

#include <algorithm>
#include <cstdint>

#include "backend/cpu/conv_window.h"
#include "backend/cpu/gemm.h"
#include "tenon/base/parallel.h"

namespace tenon::cpu {

// Tasks that a product should be cut into at least.
inline constexpr int64_t kTasks = 8;

// The positions of all samples, cut into parts of samples or into groups of whole ones.
class Blocks {
 public:
  // Of at most `most` positions; parts of samples are multiples of `unit`, but for the last.
  Blocks(int64_t batch, int64_t plane, int64_t most, int64_t unit)
      : plane_(plane), parts_(plane, most, unit), samples_(batch, std::max<int64_t>(most / plane, 1), 1) {}
  // Of `samples` samples each, but for the last.
  Blocks(int64_t batch, int64_t plane, int64_t samples)
      : plane_(plane), parts_(plane, plane, 1), samples_(batch, samples, samples) {}
  int64_t count() const { return samples_.count() * parts_.count(); }
  Span operator[](int64_t block) const {
    const int64_t group = block / parts_.count(), part = block % parts_.count();
    const int64_t begin = samples_.begin(group) * plane_ + parts_.begin(part);
    const int64_t end = parts_.count() > 1 ? begin + parts_.size(part) : begin + samples_.size(group) * plane_;
    return {begin, end};
  }
  int64_t largest() const { return parts_.count() > 1 ? (*this)[0].size() : samples_.size(0) * plane_; }

 private:
  int64_t plane_;
  Cuts parts_, samples_;
};

template <class Body>
void for_each_task(int64_t count, const Body& body) {
  parallel_for(0, count, 1, [&body](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) body(i);
  });
}

}  // namespace tenon::cpu
