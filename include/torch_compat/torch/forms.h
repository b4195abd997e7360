// Forms of ops that libtorch has beside Tenon's: functions that edit a tensor, padding by kind, generators before the
// options.
#pragma once

#include "tenon/ops/ops.h"

namespace tenon {

#define TENON_FORALL_EDITS(X)                                                                                          \
  X(abs_)                                                                                                              \
  X(acos_)                                                                                                             \
  X(acosh_) X(arccos_) X(arccosh_) X(arcsin_) X(arcsinh_) X(arctan_) X(arctanh_) X(asin_) X(asinh_) X(atan_) X(atanh_) \
      X(ceil_) X(celu_) X(clamp_) X(clamp_max_) X(clamp_min_) X(clip_) X(cos_) X(cosh_) X(deg2rad_) X(detach_) X(elu_) \
          X(erf_) X(erfc_) X(exp2_) X(exp_) X(expm1_) X(fill_) X(fix_) X(floor_) X(frac_) X(gcd_) X(hardsigmoid_)      \
              X(hardswish_) X(hardtanh_) X(lcm_) X(leaky_relu_) X(log10_) X(log1p_) X(log2_) X(log_) X(mish_) X(neg_)  \
                  X(negative_) X(rad2deg_) X(reciprocal_) X(relu6_) X(relu_) X(round_) X(rsqrt_) X(selu_) X(sigmoid_)  \
                      X(silu_) X(sin_) X(sinc_) X(sinh_) X(sqrt_) X(square_) X(tan_) X(tanh_) X(threshold_) X(trunc_)  \
                          X(xlogy_) X(zero_)
#define TENON_EDIT(name)                                        \
  template <class... Args>                                      \
  const Tensor& name(const Tensor& self, const Args&... args) { \
    return self.name(args...);                                  \
  }
TENON_FORALL_EDITS(TENON_EDIT)
#undef TENON_EDIT
#undef TENON_FORALL_EDITS

inline Tensor& dropout_(Tensor& self, double p, bool train) {
  dropout(self, p, train, true);
  return self;
}

#define TENON_PADDING(kind, mode)                                                                          \
  inline Tensor kind##_pad1d(const Tensor& self, IntArrayRef padding) { return pad(self, padding, mode); } \
  inline Tensor kind##_pad2d(const Tensor& self, IntArrayRef padding) { return pad(self, padding, mode); } \
  inline Tensor kind##_pad3d(const Tensor& self, IntArrayRef padding) { return pad(self, padding, mode); }
TENON_PADDING(reflection, "reflect")
TENON_PADDING(replication, "replicate")
#undef TENON_PADDING

inline Tensor std(const Tensor& self, int dim) { return self.std(dim); }
inline Tensor var(const Tensor& self, int dim) { return self.var(dim); }
inline Tensor detach(const Tensor& self) { return self.detach(); }
inline int64_t numel(const Tensor& self) { return self.numel(); }

inline Tensor rand(IntArrayRef size, const Generator& generator, const TensorOptions& options = {}) {
  return rand(size, options, generator);
}
inline Tensor randn(IntArrayRef size, const Generator& generator, const TensorOptions& options = {}) {
  return randn(size, options, generator);
}
inline Tensor randint(int64_t high, IntArrayRef size, const Generator& generator, const TensorOptions& options = {}) {
  return randint(high, size, options, generator);
}
inline Tensor randint(int64_t low, int64_t high, IntArrayRef size, const Generator& generator,
                      const TensorOptions& options = {}) {
  return randint(low, high, size, options, generator);
}
inline Tensor randperm(int64_t n, const Generator& generator, const TensorOptions& options = {}) {
  return randperm(n, options, generator);
}
inline Tensor normal(double mean, double std, IntArrayRef size, const Generator& generator,
                     const TensorOptions& options = {}) {
  return normal(mean, std, size, options, generator);
}

}  // namespace tenon
