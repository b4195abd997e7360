// What the options of modules are made of: TENON_ARG, and arrays that a single number fills.
#pragma once

#include <array>
#include <initializer_list>
#include <optional>
#include <ostream>
#include <string_view>
#include <utility>
#include <vector>

#include "tenon/base/array_ref.h"
#include "tenon/base/error.h"
#include "tenon/nn/names.h"
#include "tenon/tensor/options.h"

// An option: a setter that returns the options, so that calls chain, and getters. An initial value may follow.
#define TENON_ARG(T, name)                  \
 public:                                    \
  auto name(T value)->decltype(*this) {     \
    this->name##_ = std::move(value);       \
    return *this;                           \
  }                                         \
  const T& name() const { return name##_; } \
  T& name() { return name##_; }             \
                                            \
 private:                                   \
  T name##_

namespace tenon {

namespace detail {
[[noreturn]] TENON_API void fail_array_size(size_t expected, size_t actual);
}

// D numbers; one number stands for D times itself.
template <size_t D, class T = int64_t>
class ExpandingArray {
 public:
  ExpandingArray(std::initializer_list<T> list) { assign(list.begin(), list.size()); }
  ExpandingArray(const std::vector<T>& list) { assign(list.data(), list.size()); }
  ExpandingArray(ArrayRef<T> list) { assign(list.data(), list.size()); }
  ExpandingArray(T one) { values_.fill(one); }
  ExpandingArray(const std::array<T, D>& values) : values_(values) {}

  std::array<T, D>& operator*() { return values_; }
  const std::array<T, D>& operator*() const { return values_; }
  std::array<T, D>* operator->() { return &values_; }
  const std::array<T, D>* operator->() const { return &values_; }
  operator ArrayRef<T>() const { return values_; }
  size_t size() const { return D; }

 protected:
  template <class U>
  void assign(const U* values, size_t count) {
    if (count != D) detail::fail_array_size(D, count);
    std::copy_n(values, D, values_.begin());
  }

  std::array<T, D> values_;
};

// Prints one number alone, several as a list.
template <size_t D, class T>
std::ostream& operator<<(std::ostream& out, const ExpandingArray<D, T>& array) {
  if constexpr (D == 1) {
    return out << (*array)[0];
  } else {
    return out << ArrayRef<T>(*array);
  }
}

// The same with numbers that may be left open.
template <size_t D, class T = int64_t>
class ExpandingArrayWithOptionalElem : public ExpandingArray<D, optional<T>> {
  using Base = ExpandingArray<D, optional<T>>;

 public:
  using Base::Base;
  ExpandingArrayWithOptionalElem(std::initializer_list<T> list) : Base(nullopt) {
    this->assign(list.begin(), list.size());
  }
  ExpandingArrayWithOptionalElem(const std::vector<T>& list) : Base(nullopt) { this->assign(list.data(), list.size()); }
  ExpandingArrayWithOptionalElem(T one) : Base(optional<T>(one)) {}
};

template <size_t D, class T>
std::ostream& operator<<(std::ostream& out, const ExpandingArrayWithOptionalElem<D, T>& array) {
  if (D > 1) out << '[';
  for (size_t i = 0; i < D; ++i) {
    out << (i ? ", " : "");
    if (const optional<T>& value = (*array)[i]) {
      out << *value;
    } else {
      out << "None";
    }
  }
  return D > 1 ? out << ']' : out;
}

}  // namespace tenon
