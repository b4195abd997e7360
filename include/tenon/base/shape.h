// Arithmetic on sizes and dims that cannot overflow or go out of range without an error.
#pragma once

#include <cstdint>

#include "tenon/base/dim_vector.h"
#include "tenon/base/error.h"
#include "tenon/base/export.h"

namespace tenon {

// The product and sum of two sizes; throw TensorError naming `what` when 64 bits do not hold them.
TENON_API int64_t checked_mul(int64_t a, int64_t b, const char* what);
TENON_API int64_t checked_add(int64_t a, int64_t b, const char* what);

// The number of elements; throws on a negative size or an overflow, naming `op`.
TENON_API int64_t checked_numel(IntArrayRef sizes, const char* op);

// A dim in [-ndim, ndim) made non-negative; 0-d tensors accept -1 and 0. Throws IndexError naming `op`.
TENON_API int64_t wrap_dim(int64_t dim, int64_t ndim, const char* op);
// The same for a list of distinct dims; an empty list stays empty.
TENON_API DimVector wrap_dims(IntArrayRef dims, int64_t ndim, const char* op);

// Row-major strides for `sizes`.
TENON_API DimVector contiguous_strides(IntArrayRef sizes);

// The shape that both broadcast to; throws TensorError naming `op` and both shapes.
TENON_API DimVector broadcast_shapes(IntArrayRef a, IntArrayRef b, const char* op);
TENON_API bool is_expandable_to(IntArrayRef from, IntArrayRef to);

// `sizes` with a single -1 replaced so that the product is `numel`; throws naming `op`.
TENON_API DimVector infer_size(IntArrayRef sizes, int64_t numel, const char* op);

}  // namespace tenon
