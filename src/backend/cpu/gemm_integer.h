// The product of integer matrices, modulo a power of two.
#pragma once

#include <cstdint>

#include "tenon/base/dtype.h"

namespace tenon::cpu {

// to(i, j) = sum over k of a * b, row-major: uint64_t for int64, else uint32_t, of which the low bits count. Sizes are
// positive; for bool, the sum counts the k where both are set, saturated so that it is zero only if there are none.
struct IntegerProduct {
  int64_t m, n, k;
  ScalarType dtype;
  const void* a;
  int64_t a_row_stride, a_k_stride;
  const void* b;
  int64_t b_col_stride, b_k_stride;
  void* to;
};

void multiply_integer(const IntegerProduct& product);

}  // namespace tenon::cpu
