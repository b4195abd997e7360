// The losses of namespace at, which take how they reduce as at::Reduction and some of them at another place.
#pragma once

#include "tenon/ops/ops.h"

namespace tenon {

namespace Reduction {
using Reduction = std::string_view;
inline constexpr Reduction None = "none", Mean = "mean", Sum = "sum";
}  // namespace Reduction

inline Tensor nll_loss(const Tensor& self, const Tensor& target, const optional<Tensor>& weight,
                       Reduction::Reduction reduction, int64_t ignore_index = -100) {
  return nll_loss(self, target, weight, ignore_index, reduction);
}
inline Tensor cross_entropy_loss(const Tensor& self, const Tensor& target, const optional<Tensor>& weight = nullopt,
                                 Reduction::Reduction reduction = Reduction::Mean, int64_t ignore_index = -100,
                                 double label_smoothing = 0) {
  return cross_entropy(self, target, weight, ignore_index, reduction, label_smoothing);
}

}  // namespace tenon
