// PyTorch's type promotion over tensors and numbers: dims outrank 0-d tensors, which outrank plain numbers.
#pragma once

#include "tenon/tensor/tensor.h"

namespace tenon {

// A tensor or a number that takes part in an op; borrowed.
struct Input {
  const Tensor* tensor = nullptr;
  const Scalar* number = nullptr;

  Input(const Tensor& t) : tensor(&t) {}
  Input(const Scalar& s) : number(&s) {}
};

// Collects operands; result() is the dtype they promote to.
class Promotion {
 public:
  void add(const Input& input);
  ScalarType result() const;

 private:
  optional<ScalarType> dims_, zero_dims_, numbers_;
};

ScalarType result_type(ArrayRef<Input> inputs);

// The greatest finite number of a real floating dtype.
double greatest_finite(ScalarType dtype);

// Throws unless `dtype` holds `value`: an imaginary part, and what would overflow, it does not. Infinity is no
// overflow, and negative integers may wrap around in an unsigned type.
void check_holds(const char* op, const Scalar& value, ScalarType dtype);

// The gradient of an input that had `dtype` before it was promoted: the real part, where that was real.
Tensor to_input_dtype(const Tensor& grad, ScalarType dtype);

// Integers and bool become the default float dtype.
inline ScalarType to_floating(ScalarType dtype) { return is_differentiable(dtype) ? dtype : get_default_dtype(); }
// The dtype kernels compute in: half types compute in float32.
constexpr ScalarType compute_dtype(ScalarType dtype) { return is_reduced_floating_point(dtype) ? kFloat : dtype; }

}  // namespace tenon
