// What the losses share: checks of their arguments, and the reduction of their elements.
#pragma once

#include <string_view>

#include "tenon/ops/ops.h"

namespace tenon {

inline void check_reduction(const char* op, std::string_view reduction) {
  TENON_CHECK_VALUE(reduction == "none" || reduction == "mean" || reduction == "sum", op,
                    ": reduction must be 'none', 'mean' or 'sum', got '", reduction, "'");
}

inline Tensor reduced(const char* op, const Tensor& loss, std::string_view reduction) {
  check_reduction(op, reduction);
  return reduction == "none" ? loss : reduction == "mean" ? loss.mean() : loss.sum();
}

inline void check_same_shape(const char* op, const Tensor& input, const Tensor& target) {
  TENON_CHECK_VALUE(input.sizes() == target.sizes(), op, ": input has shape ", input.sizes(), ", but target has ",
                    target.sizes());
}

}  // namespace tenon
