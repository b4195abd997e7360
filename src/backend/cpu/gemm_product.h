// One product of real matrices of any size and strides, on the kernels of gemm.h.
#pragma once

#include <utility>

#include "backend/cpu/gemm.h"

namespace tenon::cpu {

// Element (i, j) of c becomes beta * c + alpha * sum over k of a * b (+ bias); sizes are
// positive and c has unit stride along its rows or columns. T is float or double.
template <class T>
struct Product {
  int64_t m, n, k;
  ScalarType source;  // of a and b: T, or a half type for float
  const void* a;
  int64_t a_row_stride, a_k_stride;
  const void* b;
  int64_t b_col_stride, b_k_stride;
  T* c;
  int64_t c_row_stride, c_col_stride;
  T alpha, beta;  // if beta is 0, c is not read
  const T* bias;  // or null
  int64_t bias_row_stride, bias_col_stride;

  // Becomes the same with c, a and b transposed.
  void transpose() {
    std::swap(m, n);
    std::swap(a, b);
    std::swap(a_row_stride, b_col_stride);
    std::swap(a_k_stride, b_k_stride);
    std::swap(c_row_stride, c_col_stride);
    std::swap(bias_row_stride, bias_col_stride);
  }
};

// Each element is summed in an order that depends on the sizes and strides alone. `product` is rewritten rather than
// copied: to copy what was just stored would wait for the stores.
void multiply(Product<float>&& product);
void multiply(Product<double>&& product);

// Below this many multiplications a product runs on the calling thread.
inline constexpr int64_t kSerialProduct = int64_t{1} << 18;

}  // namespace tenon::cpu
