// tensor(): a tensor of numbers that the program writes down, as in tensor({{1, 2}, {3, 4}}), or has in an array.
#pragma once

#include <initializer_list>
#include <type_traits>
#include <vector>

#include "tenon/tensor/tensor.h"

namespace tenon {

namespace detail {

// A number, or a list of numbers or of such lists. Integers are int64, other numbers float64 until tensor() knows
// which dtype is wanted.
class TensorLiteral {
 public:
  template <class T>
  requires(std::is_arithmetic_v<T> || std::is_constructible_v<std::complex<double>, T>) TensorLiteral(T value)
      : TensorLiteral(Scalar(value)) {}
  TENON_API TensorLiteral(const Scalar& value);
  TENON_API TensorLiteral(std::initializer_list<TensorLiteral> list);
  template <class T>
  TensorLiteral(ArrayRef<T> values) : TensorLiteral(values.data(), values.size(), dtype_v<T>) {}
  template <class T>
  requires(!std::is_same_v<T, bool>) TensorLiteral(const std::vector<T>& values) : TensorLiteral(ArrayRef<T>(values)) {}
  TENON_API TensorLiteral(const std::vector<bool>& values);

  const Tensor& values() const { return values_; }

 private:
  TENON_API TensorLiteral(const void* data, size_t count, ScalarType dtype);

  Tensor values_;
};

}  // namespace detail

// Integers make an int64 tensor, other numbers one of the default dtype, unless the options say otherwise.
TENON_API Tensor tensor(const detail::TensorLiteral& values, const TensorOptions& options = {});

}  // namespace tenon
