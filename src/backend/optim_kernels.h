// The optimizer family of a backend: one step of each optimizer, over all tensors of a group in one pass. What a step
// computes is written once, in expr/steps-inl.h. Included by backend.h.
#pragma once

#include "backend/tensor_view.h"

namespace tenon {

inline constexpr int kMaxStepStates = 3;

// A parameter, its gradient and its states: dense memory in one order, one dtype. States that a step does not use are
// null.
struct StepTensor {
  void* param;
  const void* grad;
  void* states[kMaxStepStates];
  int64_t numel;
};

// What a step reads beside the tensors. `decay` is added to the gradient in units of the parameter; `shrink` multiplies
// the parameter itself.
struct SgdNumbers {
  double lr, momentum, dampening, decay;
  bool nesterov, maximize, first;
};
struct AdamNumbers {
  double step_size, beta1, beta2, eps, decay, shrink, correction2_rsqrt;
  bool amsgrad, maximize;
};
struct AdamaxNumbers {
  double step_size, beta1, beta2, eps, decay;
  bool maximize;
};
struct NadamNumbers {
  double grad_size, average_size, beta1, beta2, eps, decay, shrink, correction2;
  bool maximize;
};
// A `rectifier` of zero: the variance is not known well enough to divide by.
struct RadamNumbers {
  double step_size, rectifier, beta1, beta2, eps, decay, shrink;
  bool maximize;
};
struct AdagradNumbers {
  double step_size, eps, decay;
  bool maximize;
};
struct AdadeltaNumbers {
  double lr, rho, eps, decay;
  bool maximize;
};
struct RmspropNumbers {
  double lr, alpha, eps, momentum, decay;
  bool centered, maximize;
};
struct RpropNumbers {
  double eta_minus, eta_plus, step_min, step_max;
  bool maximize;
};
struct AsgdNumbers {
  double eta, mu, shrink, decay;
  bool maximize;
};

// X(kernel, numbers, states in their order)
#define TENON_FORALL_STEPS(X)                                       \
  X(sgd, SgdNumbers, "momentum_buffer")                             \
  X(adam, AdamNumbers, "exp_avg exp_avg_sq max_exp_avg_sq")         \
  X(adamax, AdamaxNumbers, "exp_avg exp_inf")                       \
  X(nadam, NadamNumbers, "exp_avg exp_avg_sq")                      \
  X(radam, RadamNumbers, "exp_avg exp_avg_sq")                      \
  X(adagrad, AdagradNumbers, "sum")                                 \
  X(adadelta, AdadeltaNumbers, "square_avg acc_delta")              \
  X(rmsprop, RmspropNumbers, "square_avg grad_avg momentum_buffer") \
  X(rprop, RpropNumbers, "prev step_size")                          \
  X(asgd, AsgdNumbers, "ax")

// Steps tensors[i] by numbers[i], for i < count. Half types compute in float.
struct OptimKernels {
#define TENON_KERNEL(name, Numbers, states) \
  void (*name)(ScalarType dtype, const StepTensor* tensors, const Numbers* numbers, int64_t count);
  TENON_FORALL_STEPS(TENON_KERNEL)
#undef TENON_KERNEL
};

}  // namespace tenon
