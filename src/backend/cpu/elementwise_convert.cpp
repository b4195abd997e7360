// Contiguous conversions between the common dtypes, and stores past the caches, for each instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/elementwise_convert.cpp"
#include "backend/cpu/simd.h"  // comes first

#include <algorithm>
#include <cstring>

#include "backend/cpu/elementwise_kernels.h"
#include "backend/expr/convert.h"
#include "hwy/cache_control.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class From, class To>
void convert(const void* in, void* out, int64_t n) {
  To* to = static_cast<To*>(out);
  for (int64_t i = 0; i < n; ++i) to[i] = expr::converted<To>(expr::stored<From>(in, i));
}

#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
// The CPU has instructions for half precision.
template <>
void convert<Half, float>(const void* in, void* out, int64_t n) {
  const hn::ScalableTag<float> df;
  const hn::Rebind<hwy::float16_t, decltype(df)> dh;
  const auto* from = static_cast<const hwy::float16_t*>(in);
  float* to = static_cast<float*>(out);
  constexpr int kLanes = HWY_LANES(float);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) hn::StoreU(hn::PromoteTo(df, hn::LoadU(dh, from + i)), df, to + i);
  for (; i < n; ++i) to[i] = static_cast<const Half*>(in)[i];
}
template <>
void convert<float, Half>(const void* in, void* out, int64_t n) {
  const hn::ScalableTag<float> df;
  const hn::Rebind<hwy::float16_t, decltype(df)> dh;
  const float* from = static_cast<const float*>(in);
  auto* to = static_cast<hwy::float16_t*>(out);
  constexpr int kLanes = HWY_LANES(float);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) hn::StoreU(hn::DemoteTo(dh, hn::LoadU(df, from + i)), dh, to + i);
  for (; i < n; ++i) static_cast<Half*>(out)[i] = from[i];
}
#endif

template <class From, class To>
constexpr ConvertLoop* convert_entry() {
  if constexpr (is_common_conversion(dtype_v<From>, dtype_v<To>)) return convert<From, To>;
  return nullptr;
}

#define TENON_CONVERT_TO(type, name, python) convert_entry<From, type>(),
template <class From>
struct ConvertRow {
  static constexpr ConvertLoop* loops[kDtypeCount] = {TENON_FORALL_DTYPES(TENON_CONVERT_TO)};
};
#undef TENON_CONVERT_TO

// Whole cache lines at a time: a line that is streamed in parts is read first.
void stream(const void* from, void* to, int64_t bytes) {
  const hn::ScalableTag<uint8_t> d;
  constexpr int64_t kLine = 64;
  const auto* source = static_cast<const uint8_t*>(from);
  auto* target = static_cast<uint8_t*>(to);
  const int64_t misaligned = static_cast<int64_t>(reinterpret_cast<uintptr_t>(target) % kLine);
  const int64_t head = std::min(bytes, misaligned == 0 ? 0 : kLine - misaligned);
  std::memcpy(target, source, static_cast<size_t>(head));
  int64_t i = head;
  for (; i + kLine <= bytes; i += kLine) {
    for (int64_t part = 0; part < kLine; part += HWY_LANES(uint8_t)) {
      hn::Stream(hn::LoadU(d, source + i + part), d, target + i + part);
    }
  }
  std::memcpy(target + i, source + i, static_cast<size_t>(bytes - i));
}

void finish_stream() { hwy::FlushStream(); }

#define TENON_CONVERT_FROM(type, name, python) ConvertRow<type>::loops,
const ConvertTable convert_table = {{TENON_FORALL_DTYPES(TENON_CONVERT_FROM)}, stream, finish_stream};
#undef TENON_CONVERT_FROM

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::cpu {
TENON_ISA_TABLE(ConvertTable, convert_table)
}  // namespace tenon::cpu
#endif
