// The largest elements of many windows of a line at once. One table per instruction set.
#pragma once

#include <cstdint>

#include "backend/pool_kernels.h"

namespace tenon::cpu {

// Windows [begin, end) of every line, as long as each other and `stride`, 1 or 2, apart; the elements of one are
// neighbours, and at least as many as the stride. An empty range if there are none such.
struct EvenWindows {
  int64_t begin, end, stride;
};

struct PoolLineTable {
  // Does windows of line (i0, i1) of a plane of fewer than 2^31 elements, a vector at a time; gives the first that it
  // leaves.
  int64_t (*max)(const PoolGeometry& g, const EvenWindows& windows, int64_t i0, int64_t i1, const float* in, float* out,
                 int64_t* found);
};

const PoolLineTable& pool_lines();

}  // namespace tenon::cpu
