// Steps of tensors by the optimizer kernels of their backend, or by the same formulas over tensors where a kernel does
// not serve: other devices, memory in another order than the parameter's, steps that are to be differentiated.
#pragma once

#include <array>
#include <vector>

#include "backend/matrix_step_kernels.h"
#include "tenon/tensor/tensor.h"

namespace tenon::optim {

// States that a step does not use are undefined.
struct StepItem {
  Tensor param, grad;
  std::array<Tensor, kMaxStepStates> states;
};

// Steps items[i] by numbers[i]. `differentiable`: gradients flow from the new values to all that they are made of.
template <class Numbers>
TENON_API void run_step(const std::vector<StepItem>& items, const std::vector<Numbers>& numbers,
                        bool differentiable = false);

}  // namespace tenon::optim
