// The functions of the table of ops, in namespace tenon; each op's Tensor method is in tensor.h.
#pragma once

#include <string_view>

#include "tenon/ops/literal.h"
#include "tenon/tensor/tensor.h"

namespace tenon {

// Puts a comma before the contents of a parenthesised list, unless it is empty.
#define TENON_AND(...) __VA_OPT__(, ) __VA_ARGS__

#define TENON_EW1(name, rule, dtypes, params, args, ...)                  \
  TENON_API Tensor name(const Tensor& self TENON_AND params);             \
  TENON_API Tensor& name##_out(Tensor& out, const Tensor& self TENON_AND params);
#define TENON_EW2(name, ...)                                              \
  TENON_API Tensor name(const Tensor& self, const Tensor& other);         \
  TENON_API Tensor name(const Tensor& self, const Scalar& other);         \
  TENON_API Tensor name(const Scalar& self, const Tensor& other);         \
  TENON_API Tensor& name##_out(Tensor& out, const Tensor& self, const Tensor& other);
#define TENON_SPECIAL1(name, ...)                                         \
  TENON_API Tensor special_##name(const Tensor& self);                    \
  TENON_API Tensor& special_##name##_out(Tensor& out, const Tensor& self);
#define TENON_SPECIAL2(name, ...)                                         \
  TENON_API Tensor special_##name(const Tensor& self, const Tensor& other); \
  TENON_API Tensor special_##name(const Tensor& self, const Scalar& other); \
  TENON_API Tensor special_##name(const Scalar& self, const Tensor& other); \
  TENON_API Tensor& special_##name##_out(Tensor& out, const Tensor& self, const Tensor& other);
#include "tenon/table/elementwise.inc"

#define TENON_METHOD(name, ret, params, args, doc) TENON_API ret name(const Tensor& self TENON_AND params);
#define TENON_METHOD_ONLY TENON_METHOD
#define TENON_INPLACE(name, params, args, doc) TENON_API const Tensor& name(const Tensor& self TENON_AND params);
#define TENON_FUNCTION(name, ret, params, args, doc) TENON_API ret name params;
#define TENON_NN TENON_FUNCTION
#define TENON_LINALG(name, ret, params, args, doc) TENON_API ret linalg_##name params;
#define TENON_FFT(name, ret, params, args, doc) TENON_API ret fft_##name params;
#define TENON_HIDDEN TENON_FUNCTION
#define TENON_VIEW_COPY(name, ret, params, args) TENON_API ret name##_copy(const Tensor& self TENON_AND params);
#define TENON_ALIAS(alias, name)                                       \
  template <class... Args>                                             \
  decltype(auto) alias(const Args&... args) {                          \
    return name(args...);                                              \
  }                                                                    \
  template <class... Args>                                             \
  Tensor& alias##_out(Tensor& out, const Args&... args) {              \
    return name##_out(out, args...);                                   \
  }
#include "tenon/table/structured.inc"

#undef TENON_AND

// Writes a result into `out`, which is resized when its shape differs and must be able to hold the dtype: the out= form
// of an op that has no loop of its own for it.
TENON_API Tensor& write_out(Tensor& out, const Tensor& result, const char* op);
inline Tensor& add_out(Tensor& out, const Tensor& self, const Tensor& other, const Scalar& alpha = 1) {
  return write_out(out, add(self, other, alpha), "add");
}
inline Tensor& sub_out(Tensor& out, const Tensor& self, const Tensor& other, const Scalar& alpha = 1) {
  return write_out(out, sub(self, other, alpha), "sub");
}
inline Tensor& div_out(Tensor& out, const Tensor& self, const Tensor& other) {
  return write_out(out, div(self, other), "div");
}

// arange without a step, which is 1.
inline Tensor arange(const Scalar& start, const Scalar& end, const TensorOptions& options) {
  return arange(start, end, 1, options);
}

// A tensor over memory that the caller owns; `release` is called when the last tensor lets go of it.
TENON_API Tensor from_blob(void* data, IntArrayRef sizes, const TensorOptions& options = {});
TENON_API Tensor from_blob(void* data, IntArrayRef sizes, std::function<void(void*)> release,
                           const TensorOptions& options = {});
TENON_API Tensor from_blob(void* data, IntArrayRef sizes, IntArrayRef strides, const TensorOptions& options = {});
TENON_API Tensor from_blob(void* data, IntArrayRef sizes, IntArrayRef strides, std::function<void(void*)> release,
                           const TensorOptions& options = {});

#define TENON_OPERATOR(symbol, name)                                                        \
  inline Tensor operator symbol(const Tensor& a, const Tensor& b) { return name(a, b); }    \
  inline Tensor operator symbol(const Tensor& a, const Scalar& b) { return name(a, b); }    \
  inline Tensor operator symbol(const Scalar& a, const Tensor& b) { return name(a, b); }
TENON_OPERATOR(*, mul)
TENON_OPERATOR(%, remainder)
TENON_OPERATOR(==, eq)
TENON_OPERATOR(!=, ne)
TENON_OPERATOR(<, lt)
TENON_OPERATOR(<=, le)
TENON_OPERATOR(>, gt)
TENON_OPERATOR(>=, ge)
TENON_OPERATOR(&, bitwise_and)
TENON_OPERATOR(|, bitwise_or)
TENON_OPERATOR(^, bitwise_xor)
#undef TENON_OPERATOR
inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator+(const Tensor& a, const Scalar& b) { return add(a, b); }
inline Tensor operator+(const Scalar& a, const Tensor& b) { return add(b, a); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator-(const Tensor& a, const Scalar& b) { return sub(a, b); }
inline Tensor operator-(const Scalar& a, const Tensor& b) { return rsub(b, a); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
inline Tensor operator/(const Tensor& a, const Scalar& b) { return div(a, b); }
inline Tensor operator/(const Scalar& a, const Tensor& b) { return mul(reciprocal(b), a); }

}  // namespace tenon
