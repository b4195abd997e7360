// Rows of contiguous 2-d views as T, whatever the view's dtype: in place where it is T, else through a buffer.
// Depends on row_convert.
#pragma once

#include <algorithm>
#include <vector>

#include "backend/cpu/row_convert.h"
#include "backend/tensor_view.h"
#include "tenon/base/parallel.h"

namespace tenon::cpu {

// Calls body(begin, end) for pieces of [0, rows) worth a task each, for rows of n elements.
template <class Body>
void for_rows(int64_t rows, int64_t n, Body&& body) {
  if (n > 0) parallel_for(0, rows, std::max<int64_t>(1, 32768 / n), body);
}

// `view` is contiguous and its rows are its last dim.
template <class T>
class RowReader {
 public:
  explicit RowReader(const TensorView& view)
      : data_(view.as<const char>()),
        n_(view.sizes[view.sizes.size() - 1]),
        row_bytes_(n_ * static_cast<int64_t>(element_size(view.dtype))),
        loader_(view.dtype, acc_of(dtype_v<T>)),
        buffer_(loader_.direct() ? 0 : static_cast<size_t>(n_)) {}
  // Valid until the next call.
  const T* row(int64_t r) {
    const char* from = data_ + r * row_bytes_;
    if (loader_.direct()) return reinterpret_cast<const T*>(from);
    loader_.load(buffer_.data(), from, 1, n_);
    return buffer_.data();
  }

 private:
  const char* data_;
  int64_t n_;
  int64_t row_bytes_;
  RowLoader loader_;
  std::vector<T> buffer_;
};

template <class T>
class RowWriter {
 public:
  explicit RowWriter(const TensorView& view)
      : data_(view.as<char>()),
        n_(view.sizes[view.sizes.size() - 1]),
        row_bytes_(n_ * static_cast<int64_t>(element_size(view.dtype))),
        direct_(view.dtype == dtype_v<T>),
        storer_(acc_of(dtype_v<T>), view.dtype),
        buffer_(direct_ ? 0 : static_cast<size_t>(n_)) {}
  // Where to write row r; commit(r) must follow.
  T* row(int64_t r) { return direct_ ? reinterpret_cast<T*>(data_ + r * row_bytes_) : buffer_.data(); }
  void commit(int64_t r) {
    if (!direct_) storer_.store(data_ + r * row_bytes_, 1, buffer_.data(), n_);
  }

 private:
  char* data_;
  int64_t n_;
  int64_t row_bytes_;
  bool direct_;
  RowStorer storer_;
  std::vector<T> buffer_;
};

// A whole 1-d view of any stride as T; null where there is no view.
template <class T>
class VectorReader {
 public:
  explicit VectorReader(const TensorView* given) {
    if (!given) return;
    const TensorView& view = *given;
    RowLoader loader(view.dtype, acc_of(dtype_v<T>));
    if (loader.direct() && (view.strides[0] == 1 || view.sizes[0] <= 1)) {
      data_ = view.as<const T>();
      return;
    }
    buffer_.resize(static_cast<size_t>(view.sizes[0]));
    loader.load(buffer_.data(), view.data, view.strides[0], view.sizes[0]);
    data_ = buffer_.data();
  }
  const T* data() const { return data_; }

 private:
  const T* data_ = nullptr;
  std::vector<T> buffer_;
};

// Stores n values of T into a 1-d view.
template <class T>
void store_vector(const TensorView& view, const T* values, int64_t n) {
  RowStorer(acc_of(dtype_v<T>), view.dtype).store(view.data, view.strides[0], values, n);
}

}  // namespace tenon::cpu
