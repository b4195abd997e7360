// The errors of values that hold another kind than is asked for.
#include "tenon/tensor/ivalue.h"

namespace tenon {

const char* IValue::tagKind() const {
  static constexpr const char* kNames[] = {"None",   "Tensor",  "Bool",       "Int",       "Double",
                                           "String", "IntList", "DoubleList", "TensorList"};
  return kNames[value_.index()];
}

void IValue::fail_kind(const char* wanted) const {
  detail::fail<TensorError>("IValue: expected ", wanted, " but it holds ", tagKind());
}

}  // namespace tenon
