// How the optimizers step: over the groups, gathering what the kernels take. Depends on step.h.
#pragma once

#include <vector>

#include "optim/step.h"
#include "tenon/base/grad_mode.h"
#include "tenon/ops/ops.h"
#include "tenon/optim/optimizer.h"

namespace tenon::optim {

// Calls visit(param, grad) for the parameters that have gradients.
template <class Visit>
void for_each_gradient(OptimizerParamGroup& group, const Visit& visit) {
  for (const Tensor& param : group.params()) {
    if (const Tensor& grad = param.grad(); grad.defined()) visit(param, grad);
  }
}

// One fused step of all groups. visit(options, param, states) fills in the states of a parameter and returns the
// numbers of its step.
template <class Options, class Numbers, class Visit>
void step_groups(std::vector<OptimizerParamGroup>& groups, const Visit& visit) {
  std::vector<StepItem> items;
  std::vector<Numbers> numbers;
  for (OptimizerParamGroup& group : groups) {
    const auto& options = static_cast<const Options&>(group.options());
    for_each_gradient(group, [&](const Tensor& param, const Tensor& grad) {
      StepItem item = {param, grad, {}};
      numbers.push_back(visit(options, param, item.states));
      items.push_back(std::move(item));
    });
  }
  run_step(items, numbers);
}

using StepStates = std::array<Tensor, kMaxStepStates>;

inline Tensor zero_state(const Tensor& param) { return zeros_like(param.detach()); }

// Numbers that grow by rounded products are kept in a tensor, as Python's optimizers keep them.
inline Tensor number_state(double value) {
  return scalar_tensor(value, TensorOptions(get_default_dtype() == kDouble ? kDouble : kFloat));
}

inline void check_lr(double lr) { TENON_CHECK_VALUE(lr >= 0, "Invalid learning rate: ", lr); }
inline void check_not_negative(const char* name, double value) {
  TENON_CHECK_VALUE(value >= 0, "Invalid ", name, " value: ", value);
}
inline void check_betas(const std::tuple<double, double>& betas) {
  const auto [beta1, beta2] = betas;
  TENON_CHECK_VALUE(0 <= beta1 && beta1 < 1, "Invalid beta parameter at index 0: ", beta1);
  TENON_CHECK_VALUE(0 <= beta2 && beta2 < 1, "Invalid beta parameter at index 1: ", beta2);
}

}  // namespace tenon::optim
