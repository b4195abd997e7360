// Eigenvalues of real symmetric tridiagonal matrices, and singular values of real bidiagonal ones. Depends on linalg.h.
#pragma once

#include "backend/cpu/linalg.h"

namespace tenon::cpu {

// The eigenvalues of the matrix with diagonal d [n] and e [n - 1] beside it, of finite elements, replace d, rising; e
// is overwritten. q, which is zero, becomes the eigenvectors, unless it has no columns. Returns whether the iteration
// ended.
bool tridiagonal_eigen(int64_t n, double* d, double* e, Block<double> q);

// The singular values of the matrix with diagonal d [n] and e [n - 1] above it replace d, rising; otherwise as above.
bool bidiagonal_svd(int64_t n, double* d, double* e, Block<double> u, Block<double> v);

}  // namespace tenon::cpu
