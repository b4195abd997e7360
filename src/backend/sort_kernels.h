// The sorting family of a backend. Included by backend.h.
#pragma once

#include <cstdint>

#include "backend/tensor_view.h"

namespace tenon {

// All work along the last dim of contiguous 2-d views [rows, n] of any real dtype. NaN sorts above every number, as in
// PyTorch. `indices` are int64 places in the row.
struct SortKernels {
  // values and indices [rows, n]; equal elements keep their order, also in descending order.
  void (*sort)(const TensorView& values, const TensorView& indices, const TensorView& in, bool descending);
  // The k = values.sizes[1] first of each row in that order; in any order unless `sorted`.
  void (*topk)(const TensorView& values, const TensorView& indices, const TensorView& in, bool largest, bool sorted);
  // The k-th smallest (from 1) of each row: values and indices [rows, 1].
  void (*kthvalue)(const TensorView& values, const TensorView& indices, const TensorView& in, int64_t k);
};

}  // namespace tenon
