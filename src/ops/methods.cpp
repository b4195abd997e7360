// The Tensor methods and in-place forms of the table: each calls the function of its line.
#include "tenon/ops/ops.h"

namespace tenon {

#define TENON_AND(...) __VA_OPT__(, ) __VA_ARGS__

#define TENON_DEF(...)
#define TENON_METHOD(name, ret, params, args, doc) \
  ret Tensor::name params const { return tenon::name(*this TENON_AND args); }
#define TENON_METHOD_ONLY TENON_METHOD
#define TENON_INPLACE(name, params, args, doc) \
  const Tensor& Tensor::name params const { return tenon::name(*this TENON_AND args); }
#include "tenon/table/structured.inc"

}  // namespace tenon
