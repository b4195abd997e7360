// How an elementwise call walks its operands: dims merged and ordered by the output, strides in bytes. Depends on
// base and the view types alone.
#pragma once

#include "backend/tensor_view.h"

namespace tenon::cpu {

inline constexpr int kMaxDims = 64;
// The output and at most five inputs (a gradient of three inputs takes g, them and the result).
inline constexpr int kMaxOperands = 6;

// Operand 0 is the output.
struct ElementwisePlan {
  int operands = 0;
  int ndim = 0;  // at least 1
  int64_t numel = 0;
  int64_t sizes[kMaxDims];
  char* data[kMaxOperands];  // null for an input that is not read
  ScalarType dtype[kMaxOperands];
  int64_t element_bytes[kMaxOperands];
  int64_t strides[kMaxOperands][kMaxDims];

  int64_t row() const { return sizes[ndim - 1]; }
  int64_t inner_stride(int operand) const { return strides[operand][ndim - 1]; }
  // One run of memory without gaps.
  bool is_linear(int operand) const;
  // Stride 0 in every dim, or in all but the last.
  bool is_constant(int operand) const;
  bool repeats_by_row(int operand) const;
};

// `out` and the inputs have equal sizes; an input with null data is not read. Throws for more than kMaxDims dims.
void make_plan(ElementwisePlan& plan, const TensorView& out, const TensorView* inputs, int count);

// When an input runs along memory in another dim than the output does, cuts the output's inner dim into blocks and puts
// that dim inside, so that a tile of both fits the cache. Returns true when it split off the last, narrower block into
// `rest` (which the caller walks too).
bool tile_transposed(ElementwisePlan& plan, ElementwisePlan& rest);

}  // namespace tenon::cpu
