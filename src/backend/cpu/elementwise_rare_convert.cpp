// Contiguous conversions between dtypes that seldom meet, for the baseline alone.
#include "backend/cpu/elementwise_kernels.h"
#include "backend/expr/convert.h"

namespace tenon::cpu {
namespace {

template <class From, class To>
void convert(const void* in, void* out, int64_t n) {
  const From* from = static_cast<const From*>(in);
  To* to = static_cast<To*>(out);
  for (int64_t i = 0; i < n; ++i) to[i] = expr::converted<To>(expr::element(from, i));
}

template <class From, class To>
constexpr ConvertLoop* entry() {
  if constexpr (std::is_same_v<From, To> || is_common_conversion(dtype_v<From>, dtype_v<To>))
    return nullptr;
  else
    return convert<From, To>;
}

#define TENON_CONVERT_TO(type, name, python) entry<From, type>(),
template <class From>
constexpr ConvertLoop* row[kDtypeCount] = {TENON_FORALL_DTYPES(TENON_CONVERT_TO)};
#undef TENON_CONVERT_TO

#define TENON_CONVERT_FROM(type, name, python) row<type>,
constexpr ConvertLoop* const* loops[kDtypeCount] = {TENON_FORALL_DTYPES(TENON_CONVERT_FROM)};
#undef TENON_CONVERT_FROM

}  // namespace

ConvertLoop* rare_convert_loop(ScalarType from, ScalarType to) {
  return loops[static_cast<int>(from)][static_cast<int>(to)];
}

}  // namespace tenon::cpu
