// What a backend sees of a tensor: borrowed memory, dtype, sizes and strides. Depends on base alone.
#pragma once

#include <cstdint>

#include "tenon/base/array_ref.h"
#include "tenon/base/dtype.h"
#include "tenon/base/scalar.h"

namespace tenon {

// `data` points at the first element; strides count elements and may be zero or negative.
struct TensorView {
  void* data = nullptr;
  ScalarType dtype = kFloat;
  IntArrayRef sizes;
  IntArrayRef strides;

  int64_t ndim() const { return static_cast<int64_t>(sizes.size()); }
  int64_t numel() const {
    int64_t n = 1;
    for (int64_t s : sizes) n *= s;
    return n;
  }
  bool is_contiguous() const {
    int64_t expected = 1;
    for (size_t d = sizes.size(); d-- > 0;) {
      if (sizes[d] != 1 && strides[d] != expected) return numel() == 0;
      expected *= sizes[d];
    }
    return true;
  }
  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
};

// An input of an elementwise loop: a view, or one number for all elements.
struct Operand {
  TensorView view;
  Scalar number;
  bool is_number = false;

  Operand(const TensorView& v) : view(v) {}
  Operand(const Scalar& s) : number(s), is_number(true) {}
};

}  // namespace tenon
