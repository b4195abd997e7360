// The functions, methods and in-place forms of the elementwise lines.
#include "ops/elementwise.h"
#include "tenon/ops/ops.h"

namespace tenon {

#define TENON_AND(...) __VA_OPT__(, ) __VA_ARGS__
#define TENON_ARRAY(...) {__VA_ARGS__ __VA_OPT__(, ) 0.0}

#define TENON_DEF(...)
#define TENON_EW1(name, rule, dtypes, params, args, ...)                      \
  Tensor name(const Tensor& self TENON_AND params) {                          \
    const double values[] = TENON_ARRAY args;                                 \
    return elementwise(ElementwiseKernel::name, Input(self), values);         \
  }                                                                           \
  Tensor& name##_out(Tensor& out, const Tensor& self TENON_AND params) {      \
    const double values[] = TENON_ARRAY args;                                 \
    return elementwise_out(ElementwiseKernel::name, out, Input(self), values); \
  }                                                                           \
  Tensor Tensor::name params const { return tenon::name(*this TENON_AND args); } \
  const Tensor& Tensor::name##_ params const {                                \
    const double values[] = TENON_ARRAY args;                                 \
    return elementwise_inplace(ElementwiseKernel::name, *this, Input(*this), values); \
  }
#define TENON_EW2(name, ...)                                                                                    \
  Tensor name(const Tensor& self, const Tensor& other) { return elementwise(ElementwiseKernel::name, {self, other}); } \
  Tensor name(const Tensor& self, const Scalar& other) { return elementwise(ElementwiseKernel::name, {self, other}); } \
  Tensor name(const Scalar& self, const Tensor& other) { return elementwise(ElementwiseKernel::name, {self, other}); } \
  Tensor& name##_out(Tensor& out, const Tensor& self, const Tensor& other) {                                    \
    return elementwise_out(ElementwiseKernel::name, out, {self, other});                                        \
  }                                                                                                             \
  Tensor Tensor::name(const Tensor& other) const { return tenon::name(*this, other); }                          \
  Tensor Tensor::name(const Scalar& other) const { return tenon::name(*this, other); }                          \
  const Tensor& Tensor::name##_(const Tensor& other) const {                                                    \
    return elementwise_inplace(ElementwiseKernel::name, *this, {*this, other});                                 \
  }                                                                                                             \
  const Tensor& Tensor::name##_(const Scalar& other) const {                                                    \
    return elementwise_inplace(ElementwiseKernel::name, *this, {*this, other});                                 \
  }
#define TENON_SPECIAL1(name, ...)                                               \
  Tensor special_##name(const Tensor& self) { return elementwise(ElementwiseKernel::name, Input(self)); } \
  Tensor& special_##name##_out(Tensor& out, const Tensor& self) {               \
    return elementwise_out(ElementwiseKernel::name, out, Input(self));          \
  }
#define TENON_SPECIAL2(name, ...)                                               \
  Tensor special_##name(const Tensor& self, const Tensor& other) {              \
    return elementwise(ElementwiseKernel::name, {self, other});                 \
  }                                                                             \
  Tensor special_##name(const Tensor& self, const Scalar& other) {              \
    return elementwise(ElementwiseKernel::name, {self, other});                 \
  }                                                                             \
  Tensor special_##name(const Scalar& self, const Tensor& other) {              \
    return elementwise(ElementwiseKernel::name, {self, other});                 \
  }                                                                             \
  Tensor& special_##name##_out(Tensor& out, const Tensor& self, const Tensor& other) { \
    return elementwise_out(ElementwiseKernel::name, out, {self, other});        \
  }
#include "tenon/table/elementwise.inc"

}  // namespace tenon
