// DimVector: sizes or strides; up to six dimensions live inside it, more on the heap.
#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>

#include "tenon/base/array_ref.h"

namespace tenon {

class DimVector {
 public:
  DimVector() = default;
  explicit DimVector(size_t size, int64_t value = 0) { resize(size, value); }
  DimVector(IntArrayRef values) { assign(values); }
  DimVector(std::initializer_list<int64_t> values) { assign(IntArrayRef(values.begin(), values.size())); }
  DimVector(const int64_t* first, const int64_t* last) { assign({first, static_cast<size_t>(last - first)}); }
  DimVector(const DimVector& other) { assign(other); }
  DimVector(DimVector&& other) noexcept { steal(other); }
  DimVector& operator=(const DimVector& other) {
    if (this != &other) assign(other);
    return *this;
  }
  DimVector& operator=(DimVector&& other) noexcept {
    if (this != &other) {
      release();
      steal(other);
    }
    return *this;
  }
  ~DimVector() { release(); }

  operator IntArrayRef() const { return {data_, size_}; }
  std::vector<int64_t> vec() const { return {begin(), end()}; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  int64_t* data() { return data_; }
  const int64_t* data() const { return data_; }
  int64_t* begin() { return data_; }
  int64_t* end() { return data_ + size_; }
  const int64_t* begin() const { return data_; }
  const int64_t* end() const { return data_ + size_; }
  int64_t& operator[](size_t i) { return data_[i]; }
  const int64_t& operator[](size_t i) const { return data_[i]; }
  int64_t& back() { return data_[size_ - 1]; }
  const int64_t& back() const { return data_[size_ - 1]; }
  int64_t& front() { return data_[0]; }
  const int64_t& front() const { return data_[0]; }

  // `values` may be part of this vector only when it does not grow.
  void assign(IntArrayRef values) {
    reserve(values.size());
    if (!values.empty()) std::memmove(data_, values.data(), values.size() * sizeof(int64_t));
    size_ = static_cast<uint32_t>(values.size());
  }
  void clear() { size_ = 0; }
  void resize(size_t size, int64_t value = 0) {
    reserve(size);
    for (size_t i = size_; i < size; ++i) data_[i] = value;
    size_ = static_cast<uint32_t>(size);
  }
  void push_back(int64_t value) {
    if (size_ == capacity_) reserve(2 * static_cast<size_t>(capacity_));
    data_[size_++] = value;
  }
  void pop_back() { --size_; }
  void insert(size_t at, int64_t value) {
    push_back(value);
    std::memmove(data_ + at + 1, data_ + at, (size_ - 1 - at) * sizeof(int64_t));
    data_[at] = value;
  }
  void erase(size_t at) {
    std::memmove(data_ + at, data_ + at + 1, (size_ - 1 - at) * sizeof(int64_t));
    --size_;
  }
  friend bool operator==(const DimVector& a, const DimVector& b) { return IntArrayRef(a) == IntArrayRef(b); }
  friend bool operator==(const DimVector& a, IntArrayRef b) { return IntArrayRef(a) == b; }
  friend std::ostream& operator<<(std::ostream& out, const DimVector& v) { return out << IntArrayRef(v); }

 private:
  static constexpr uint32_t kInline = 6;

  void reserve(size_t capacity) {
    if (capacity <= capacity_) return;
    int64_t* grown = new int64_t[capacity];
    std::memcpy(grown, data_, size_ * sizeof(int64_t));
    release();
    data_ = grown;
    capacity_ = static_cast<uint32_t>(capacity);
  }
  void release() {
    if (data_ != inline_) delete[] data_;
  }
  void steal(DimVector& other) noexcept {
    size_ = other.size_;
    if (other.data_ == other.inline_) {
      data_ = inline_;
      capacity_ = kInline;
      std::memcpy(inline_, other.inline_, size_ * sizeof(int64_t));
    } else {
      data_ = other.data_;
      capacity_ = other.capacity_;
      other.data_ = other.inline_;
      other.capacity_ = kInline;
    }
    other.size_ = 0;
  }

  int64_t* data_ = inline_;
  uint32_t size_ = 0;
  uint32_t capacity_ = kInline;
  int64_t inline_[kInline];
};

}  // namespace tenon
