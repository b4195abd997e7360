// Extremes along one dim with the place where they first are. Depends on row_convert.
#pragma once

#include <cstdint>

namespace tenon::cpu {

// By whether the maximum is sought; for elements of one Acc type. NaN is more extreme than any number.
struct ExtremeLoops {
  // Updates *value, *index with x[0, n), whose first element has index `base`; index < 0 means nothing seen yet.
  void (*row[2])(const void* x, int64_t n, int64_t base, void* value, int64_t* index);
  // The same for `cols` neighbouring outputs and one element of each.
  void (*step[2])(const void* x, int64_t cols, int64_t index, void* values, int64_t* indices);
};

struct ExtremeKernels {
  // By Acc: F32, F64, I64, U64.
  ExtremeLoops loops[4];
};

const ExtremeKernels& extreme_kernels();

}  // namespace tenon::cpu
