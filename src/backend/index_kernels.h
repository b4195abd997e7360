// The indexing family of a backend. Included by backend.h.
//
// Every index is checked before anything is written: a bad one raises IndexError naming op, index, dim and size, and
// leaves the output untouched. Index views are int32 or int64; negative values count from the end where said.
#pragma once

#include <cstdint>

#include "backend/tensor_view.h"

namespace tenon {

enum class ScatterMode : uint8_t { Assign, Add, Multiply, Max, Min };

struct IndexKernels {
  // out[i][j] = in[index[i][j]][j] for dim 0, and so on. out and index have the same sizes, at most in's in the other
  // dims.
  void (*gather)(const TensorView& out, const TensorView& in, int64_t dim, const TensorView& index);
  // out[index[i][j]][j] (mode)= src[i][j] for dim 0, and so on, in the order of index's elements along dim. index has
  // at most out's sizes in the other dims; src, a number or a view of out's dtype, at least index's sizes.
  void (*scatter)(const TensorView& out, int64_t dim, const TensorView& index, const Operand& src, ScatterMode mode);
  // out[i, ...] = in[index[i], ...] for dim 0, and so on; index is 1-d. Copies whole rows where it can.
  void (*index_select)(const TensorView& out, const TensorView& in, int64_t dim, const TensorView& index);
  // out[index[i], ...] += alpha * src[i, ...] for dim 0, and so on, in the order of i; index is 1-d.
  void (*index_add)(const TensorView& out, int64_t dim, const TensorView& index, const TensorView& src,
                    const Scalar& alpha);
  // out[i, ...] = in[indices[0][i], indices[1][i], ..., ...]: the first `count` dims of in are indexed, by contiguous
  // 1-d int64 views of one length. Negative values count from the end.
  void (*index_get)(const TensorView& out, const TensorView& in, const TensorView* indices, int count);
  // out[indices[0][i], ..., ...] = values[i, ...], or += when `accumulate`, in the order of i. values has out's dtype
  // and may broadcast by stride 0.
  void (*index_put)(const TensorView& out, const TensorView* indices, int count, const TensorView& values,
                    bool accumulate);
  // The number of elements that are not zero (of a mask: that are true).
  int64_t (*count_nonzero)(const TensorView& in);
  // Their coordinates in row-major order: out is contiguous int64 [count, ndim].
  void (*nonzero)(const TensorView& out, const TensorView& in);
  // The elements of in where the bool mask (of in's sizes) is true, in row-major order, to the contiguous 1-d out.
  void (*masked_select)(const TensorView& out, const TensorView& in, const TensorView& mask);
};

}  // namespace tenon
