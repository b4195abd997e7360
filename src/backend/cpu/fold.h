// The one driver of reductions: visits the reduced elements of every output in a fixed order and combines them through
// a FoldKernel. How work is cut depends on shapes and strides alone, so results are the same on any number of threads.
// Depends on base and row_convert.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "backend/cpu/row_convert.h"
#include "backend/tensor_view.h"
#include "tenon/base/dim_vector.h"
#include "tenon/base/parallel.h"

namespace tenon::cpu {

// How elements fold into a state. States are plain bytes, states of neighbouring outputs adjacent.
struct FoldKernel {
  // What the elements are read as.
  Acc element;
  size_t state_size;
  // states[0, n) = nothing folded yet.
  void (*init)(void* states, int64_t n);
  // *state = the fold of the adjacent elements x[0, n), n >= 1.
  void (*row)(void* state, const void* x, int64_t n);
  // Folds x[r][c] into states[c] for `rows` rows that lie `row_stride` elements apart. Null: only row is used.
  void (*rows)(void* states, const void* x, int64_t row_stride, int64_t rows, int64_t cols);
  // states[i] = states[i] followed by next[i].
  void (*merge)(void* states, const void* next, int64_t n);
};

// Takes the finished states of `n` outputs: `offset` is the element offset of the first in each of the two outputs and
// `stride` the step between them.
using FoldFinish = FunctionRef<void(void* states, int64_t n, const int64_t offset[2], const int64_t stride[2])>;

// Folds `in` over the dims where `out` has size 1. `second` is a further output of out's sizes, or null. `element_map`,
// unless null, changes elements in place after they are read.
void fold(const FoldKernel& kernel, const TensorView& out, const TensorView* second, const TensorView& in,
          void (*element_map)(void* x, int64_t n), FoldFinish finish);

// Folds n adjacent elements that are of the kernel's element type already; runs on the calling thread.
void fold_row(const FoldKernel& kernel, void* state, const void* x, int64_t n);

}  // namespace tenon::cpu
