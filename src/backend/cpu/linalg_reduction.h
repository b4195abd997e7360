// Matrices brought by reflectors to real ones of two or three diagonals. Depends on linalg.h.
#pragma once

#include "backend/cpu/linalg.h"

namespace tenon::cpu {

// Up to this size single precision would save no time, so that matrices are better reduced in double precision.
inline constexpr int64_t kWidened = 32;
template <class T>
using Wide = std::conditional_t<is_complex_v<T>, std::complex<double>, double>;

// A power of two that brings the largest element of a, or of its lower triangle alone, to where neither squares nor
// sums overflow or vanish; 1 where they do not anyway, and NaN if an element is not finite.
template <class T>
RealOf<T> safe_scale(const ConstBlock<T>& a, bool lower);

// a = Q T Q^H for a Hermitian a, of which both triangles are there: the diagonal of T and the numbers beside it, and in
// a below its first row the n - 1 reflectors that make up Q below its first row and column.
template <class T>
void to_tridiagonal(Block<T> a, T* tau, double* diagonal, double* beside);

// a = Q B P^H for an a with no more columns than rows: the diagonal of B and the numbers above it, and as reflectors Q
// in a, and in `rows` below its first row P below its first row and column.
template <class T>
void to_bidiagonal(Block<T> a, T* tau, Block<T> rows, T* row_tau, double* diagonal, double* above);

}  // namespace tenon::cpu
