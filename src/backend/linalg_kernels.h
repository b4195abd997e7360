// The linear algebra family of a backend. Included by backend.h.
#pragma once

#include "backend/tensor_view.h"

namespace tenon {

// Batches [b, rows, columns] of matrices, each stored without gaps and column by column (strides rows * columns, 1,
// rows), of one floating or complex dtype that is not a half type.
struct LinalgKernels {
  // a = q @ r with orthonormal columns in q [b, m, k] and r [b, k, n] upper triangular; k is min(m, n) or m. A q
  // without data is not computed.
  void (*qr)(const TensorView& q, const TensorView& r, const TensorView& a);
  // Solves a @ x = b in place of x, which holds b; a [b, n, n] is read only in its triangle, and not on its diagonal
  // where that is `unit`.
  void (*solve_triangular)(const TensorView& x, const TensorView& a, bool upper, bool unit);
};

}  // namespace tenon
