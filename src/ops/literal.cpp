// Tensors of numbers written in a program.
#include "tenon/ops/literal.h"

#include <cstring>

#include "tenon/ops/ops.h"

namespace tenon {

namespace detail {

TensorLiteral::TensorLiteral(const Scalar& value) : values_(full({}, value, value.dtype(kDouble))) {}

TensorLiteral::TensorLiteral(std::initializer_list<TensorLiteral> list) {
  std::vector<Tensor> items;
  for (const TensorLiteral& item : list) {
    const Tensor& values = item.values();
    items.push_back(values);
    TENON_CHECK(values.sizes() == items[0].sizes(),
                "tensor: all items of a list must have the same size, but item 0 has ", items[0].sizes(), " and item ",
                items.size() - 1, " has ", values.sizes());
    TENON_CHECK(values.dtype() == items[0].dtype(), "tensor: all numbers must be of the same kind, but item 0 is of ",
                items[0].dtype(), " and item ", items.size() - 1, " of ", values.dtype());
  }
  values_ = items.empty() ? empty({0}, kDouble) : stack(items);
}

TensorLiteral::TensorLiteral(const std::vector<bool>& values)
    : values_(empty({static_cast<int64_t>(values.size())}, kBool)) {
  std::copy(values.begin(), values.end(), values_.data_ptr<bool>());
}

TensorLiteral::TensorLiteral(const void* data, size_t count, ScalarType dtype)
    : values_(empty({static_cast<int64_t>(count)}, dtype)) {
  if (count > 0) std::memcpy(values_.data_ptr(), data, values_.nbytes());
}

}  // namespace detail

Tensor tensor(const detail::TensorLiteral& literal, const TensorOptions& options) {
  const Tensor& values = literal.values();
  const ScalarType kind = values.dtype();
  const ScalarType natural = kind == kFloat || kind == kDouble ? get_default_dtype()
                             : kind == kInt                    ? kLong
                             : kind == kComplexDouble          ? to_complex(get_default_dtype())
                                                               : kind;
  return values.to(options.device(), options.dtype_opt().value_or(natural), false, true)
      .requires_grad_(options.requires_grad());
}

}  // namespace tenon
