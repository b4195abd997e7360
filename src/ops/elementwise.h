// Running the elementwise lines of the table: promotion, broadcasting, allocation, the loop, and the record.
#pragma once

#include "backend/expr/line.h"
#include "ops/promotion.h"
#include "tenon/base/parallel.h"
#include "tenon/tensor/tensor.h"

namespace tenon {

// Whether the table's set of dtypes holds `dtype`.
constexpr bool contains(unsigned set, ScalarType dtype) {
  return set & (dtype == kBool             ? expr::BITS
                : is_complex(dtype)        ? expr::COMPLEX
                : is_floating_point(dtype) ? expr::FLOATS
                                           : expr::INTS);
}

inline constexpr int kMaxInputs = 3;
inline constexpr int kMaxParams = 3;

// One line of the table.
struct ElementwiseOp {
  using Formula = Tensor (*)(const Tensor& g, const Tensor* inputs, const Tensor& y, const double* params);

  const char* name;       // of the line, which its node is recorded under
  const char* user_name;  // of the op that runs it, for messages
  int arity;
  int param_count;
  expr::Rule rule;
  unsigned dtypes;
  ElementwiseKernel kernel;
  // Per input: its gradient kernel, the same formula over tensors (null where no gradient flows), and which values the
  // formula reads: bit i for input i, bit `arity` for the result.
  ElementwiseKernel gradient_kernel[kMaxInputs];
  Formula gradient[kMaxInputs];
  uint8_t uses[kMaxInputs];
};

const ElementwiseOp& elementwise_op(ElementwiseKernel line);

// The op on these inputs, recorded.
Tensor elementwise(ElementwiseKernel line, ArrayRef<Input> inputs, const double* params = nullptr);
// The op on self and further inputs, written into self and recorded.
const Tensor& elementwise_inplace(ElementwiseKernel line, const Tensor& self, ArrayRef<Input> inputs,
                                  const double* params = nullptr);
// The op written into `out`, which is resized to fit.
Tensor& elementwise_out(ElementwiseKernel line, Tensor& out, ArrayRef<Input> inputs, const double* params = nullptr);

// An in-place op as its out-of-place form, copied into self and given its history.
const Tensor& replace_inplace(const char* op, const Tensor& self, FunctionRef<Tensor(const Tensor& old_self)> compute);

// `self` takes the values of `src`, as a part of `op`, which errors and the history name.
const Tensor& copy_into(const Tensor& self, const Tensor& src, const char* op);

// Throws if `tensor` is expanded: an op cannot write different values to one element.
void check_not_expanded(const Tensor& tensor, const char* op);
// Whether elements of `tensor` may share memory, as windows of it do: an op that writes it then runs on one thread,
// where what overlaps is written in order.
bool shares_elements(const Tensor& tensor);
// Throws unless a result of `dtype` and `sizes` may be stored into `self` in place.
void check_inplace_result(const Tensor& self, ScalarType dtype, IntArrayRef sizes, const char* op);

}  // namespace tenon
