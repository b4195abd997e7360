// ArrayRef: a borrowed run of values, IntArrayRef above all; converts from braces, vectors, arrays and DimVector.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace tenon {

template <class T>
class ArrayRef {
 public:
  constexpr ArrayRef() = default;
  constexpr ArrayRef(const T* data, size_t size) : data_(data), size_(size) {}
  constexpr ArrayRef(const T& one) : data_(&one), size_(1) {}
  // Valid until the end of the full expression, as every braced argument is.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winit-list-lifetime"
  constexpr ArrayRef(std::initializer_list<T> list) : data_(list.begin()), size_(list.size()) {}
#pragma GCC diagnostic pop
  ArrayRef(const std::vector<T>& values) : data_(values.data()), size_(values.size()) {}
  template <size_t N>
  constexpr ArrayRef(const std::array<T, N>& values) : data_(values.data()), size_(N) {}

  constexpr const T* data() const { return data_; }
  constexpr size_t size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr const T* begin() const { return data_; }
  constexpr const T* end() const { return data_ + size_; }
  constexpr auto rbegin() const { return std::make_reverse_iterator(end()); }
  constexpr auto rend() const { return std::make_reverse_iterator(begin()); }
  constexpr const T& operator[](size_t i) const { return data_[i]; }
  const T& at(size_t i) const {
    if (i >= size_) throw std::out_of_range("ArrayRef::at: " + std::to_string(i) + " of " + std::to_string(size_));
    return data_[i];
  }
  constexpr const T& front() const { return data_[0]; }
  constexpr const T& back() const { return data_[size_ - 1]; }
  constexpr ArrayRef slice(size_t start, size_t count) const { return {data_ + start, count}; }
  constexpr ArrayRef slice(size_t start) const { return {data_ + start, size_ - start}; }
  bool equals(ArrayRef other) const { return *this == other; }
  std::vector<T> vec() const { return std::vector<T>(begin(), end()); }
  friend constexpr bool operator==(ArrayRef a, ArrayRef b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  const T* data_ = nullptr;
  size_t size_ = 0;
};

using IntArrayRef = ArrayRef<int64_t>;
using FloatArrayRef = ArrayRef<double>;

// Prints as Python prints a list: [2, 3].
template <class T>
std::ostream& operator<<(std::ostream& out, ArrayRef<T> values) {
  out << '[';
  for (size_t i = 0; i < values.size(); ++i) out << (i ? ", " : "") << values[i];
  return out << ']';
}

// A list of dims or sizes that may be absent; a single integer counts as a list of one.
class OptionalIntArrayRef {
 public:
  constexpr OptionalIntArrayRef() = default;
  constexpr OptionalIntArrayRef(std::nullopt_t) {}
  // Any integer converts where it is written, so that it outlives the call.
  constexpr OptionalIntArrayRef(const int64_t& one) : values_(IntArrayRef(one)) {}
  template <class T>
    requires(std::is_convertible_v<const T&, IntArrayRef> && !std::is_integral_v<T>)
  constexpr OptionalIntArrayRef(const T& values) : values_(static_cast<IntArrayRef>(values)) {}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winit-list-lifetime"
    constexpr OptionalIntArrayRef(std::initializer_list<int64_t> list)
        : values_(IntArrayRef(list.begin(), list.size())) {}
#pragma GCC diagnostic pop

  constexpr bool has_value() const { return values_.has_value(); }
  constexpr explicit operator bool() const { return has_value(); }
  constexpr const IntArrayRef& operator*() const { return *values_; }
  constexpr const IntArrayRef* operator->() const { return &*values_; }
  constexpr const IntArrayRef& value() const { return *values_; }

 private:
  std::optional<IntArrayRef> values_;
};

}  // namespace tenon
