// Householder reflectors, one at a time and in blocks. Depends on linalg.h.
#pragma once

#include "backend/cpu/linalg.h"

namespace tenon::cpu {

// So many columns are reduced before the rest of a matrix learns of it.
inline constexpr int64_t kPanel = 32;

// x becomes v, with v[0] = 1, and beta the real number with H^H x = beta e_0, where H = I - tau v v^H. Returns tau.
template <class T>
T reflect(T* x, int64_t n, RealOf<T>& beta);

// a becomes R and below it the vectors of the reflectors whose product Q gives a = Q R.
template <class T>
void factor_qr(Block<T> a, T* tau);

// c = Q c or Q^H c for the product Q of the `count` reflectors in a: vector i is in column i, below its unwritten 1 in
// row i. Of a c that is zero, or the identity, left of and above the place of each reflector's 1 less is computed.
enum class Shape : uint8_t { Any, Identity };
template <class T>
void apply_reflectors(const ConstBlock<T>& a, const T* tau, int64_t count, Block<T> c, Op op, Shape shape);

}  // namespace tenon::cpu
