// TensorAccessor: the elements of a tensor of known dtype and number of dims, without checks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tenon/base/array_ref.h"

namespace tenon {

// Valid as long as the tensor is.
template <class T, size_t N>
class TensorAccessor {
 public:
  TensorAccessor(T* data, const int64_t* sizes, const int64_t* strides)
      : data_(data), sizes_(sizes), strides_(strides) {}

  // An element of a tensor with one dim, a row of others.
  decltype(auto) operator[](int64_t i) const {
    if constexpr (N == 1) {
      return (data_[i * strides_[0]]);
    } else {
      return TensorAccessor<T, N - 1>(data_ + i * strides_[0], sizes_ + 1, strides_ + 1);
    }
  }
  T* data() const { return data_; }
  int64_t size(int64_t dim) const { return sizes_[dim]; }
  int64_t stride(int64_t dim) const { return strides_[dim]; }
  ArrayRef<int64_t> sizes() const { return {sizes_, N}; }
  ArrayRef<int64_t> strides() const { return {strides_, N}; }

 private:
  T* data_;
  const int64_t* sizes_;
  const int64_t* strides_;
};

}  // namespace tenon
