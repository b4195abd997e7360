// The Tensor methods and in-place forms of the table: each calls the function of its line, whose errors name it.
#include "ops/name_error.h"
#include "ops/shown_names.h"
#include "tenon/ops/ops.h"

namespace tenon {

#define TENON_AND(...) __VA_OPT__(, ) __VA_ARGS__

#define TENON_DEF(...)
#define TENON_METHOD(name, ret, params, args, doc)                                                         \
  ret Tensor::name params const try {                                                                      \
    constexpr const char* kShown = shown_name(#name, #params);                                             \
    return showing<kShown != nullptr>(kShown, [&]() -> ret { return tenon::name(*this TENON_AND args); }); \
  } catch (...) {                                                                                          \
    rethrow_naming(#name);                                                                                 \
  }
#define TENON_METHOD_ONLY TENON_METHOD
#define TENON_INPLACE(name, params, args, doc) TENON_METHOD(name, const Tensor&, params, args, doc)
#include "tenon/table/structured.inc"

}  // namespace tenon
