// The linear algebra family of a backend. Included by backend.h.
#pragma once

#include "backend/tensor_view.h"

namespace tenon {

// Batches [b, rows, columns] of matrices, each stored without gaps and column by column (strides rows * columns, 1,
// rows), of one floating or complex dtype that is not a half type. Vectors per matrix are contiguous [b, n] and numbers
// contiguous [b]; pivots and infos are int32. No size is zero. What is not an output but said to be overwritten may
// hold anything afterwards.
struct LinalgKernels {
  // a = q @ r with orthonormal columns in q [b, m, k] and r [b, k, n] upper triangular; k is min(m, n) or m. A q
  // without data is not computed; a is overwritten.
  void (*qr)(const TensorView& q, const TensorView& r, const TensorView& a);
  // The same in place, as LAPACK's geqrf leaves it: r, below it the Householder vectors, and in tau their factors.
  void (*geqrf)(const TensorView& a, const TensorView& tau);
  // c = Q @ c, or Q^H @ c, for the product Q of the Householder matrices in a and tau.
  void (*apply_reflectors)(const TensorView& c, const TensorView& a, const TensorView& tau, bool adjoint);
  // Solves a @ x = b in place of x, which holds b; a [b, n, n] is read only in its triangle, and not on its diagonal
  // where that is `unit`.
  void (*solve_triangular)(const TensorView& x, const TensorView& a, bool upper, bool unit);
  // The lower triangle of a becomes its Cholesky factor; the rest of a is overwritten. info is 0 or the order of the
  // leading minor that is not positive.
  void (*cholesky)(const TensorView& a, const TensorView& info);
  // a becomes its LU factors by partial pivoting: row i was swapped with row pivots[i], counted from 1. info is 0 or
  // the number, from 1, of the first pivot that is zero.
  void (*lu)(const TensorView& a, const TensorView& pivots, const TensorView& info);
  // Solves A @ x = b, or A^H @ x = b, in place of x, which holds b, for the matrix A whose factors `lu` gave.
  void (*lu_solve)(const TensorView& x, const TensorView& lu, const TensorView& pivots, bool adjoint);
  // The lower triangle of a becomes its Bunch-Kaufman factors, and pivots what LAPACK's sytrf or hetrf gives.
  void (*ldl)(const TensorView& a, const TensorView& pivots, const TensorView& info, bool hermitian);
  void (*ldl_solve)(const TensorView& x, const TensorView& ld, const TensorView& pivots, bool hermitian);
  // The rising eigenvalues of the Hermitian matrices whose lower triangle a holds; a becomes the eigenvectors if they
  // are wanted, else it is overwritten. info is 0, or 1 where the iteration did not end.
  void (*eigh)(const TensorView& values, const TensorView& a, const TensorView& info, bool vectors);
  // The complex eigenvalues, and eigenvectors of length 1 unless they have no data; a is overwritten.
  void (*eig)(const TensorView& values, const TensorView& vectors, const TensorView& a, const TensorView& info);
  // a = u @ diag(s) @ v^H, all columns of u and v or the first min(m, n) as their sizes say; not computed if they have
  // no data. a is overwritten.
  void (*svd)(const TensorView& u, const TensorView& s, const TensorView& v, const TensorView& a,
              const TensorView& info);
};

}  // namespace tenon
