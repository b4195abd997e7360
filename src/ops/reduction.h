// What the reductions share: which dims go, the result's shapes, and the call of the backend. Depends on the backend.
#pragma once

#include "backend/backend.h"
#include "tenon/tensor/tensor.h"

namespace tenon {

// The dims that a reduction takes away; no list, and an empty list, mean all of them.
struct ReducedDims {
  ReducedDims(const Tensor& self, OptionalIntArrayRef dim, const char* op);

  DimVector dims;     // those taken away, in order
  DimVector kept;     // the result's shape with keepdim
  DimVector dropped;  // and without
  int64_t count = 1;  // elements that become one
};

// `out`, computed with keepdim, in the shape that was asked for; not recorded.
Tensor shaped(const Tensor& out, const ReducedDims& dims, bool keepdim);

// The reduction as a plain tensor, not recorded.
Tensor reduce(const char* op, Reduction reduction, const Tensor& self, const ReducedDims& dims, bool keepdim,
              ScalarType compute, ScalarType result);

// A gradient or result of a reduced shape, with its dims of size one back so that it broadcasts against self.
Tensor broadcastable(const Tensor& reduced, const DimVector& kept);

// Throws for complex tensors, which have no order.
void check_real(const char* op, const Tensor& self);
// Throws IndexError where a dim of size zero has no extreme.
void check_not_empty(const char* op, const Tensor& self, int64_t dim);

// The gradient of an op that picks one element along `dim`: grad at `indices`, zero elsewhere. Both have `dim` kept.
Tensor scatter_picked(const Tensor& grad, int64_t dim, const Tensor& indices, const DimVector& sizes);
// The gradient of an extreme over dims, shared evenly by the elements equal to it.
Tensor share_among_equals(const Tensor& grad, const Tensor& self, const Tensor& result, const ReducedDims& dims);

// self with `dim` last and contiguous, as rows for the kernels that work on them; not recorded.
Tensor as_rows(const Tensor& self, int64_t dim);
// Rows of a result back as a tensor whose `dim` has the rows' length and whose other sizes are `like`'s; not recorded.
Tensor from_rows(const Tensor& rows, const Tensor& like, int64_t dim);

}  // namespace tenon
