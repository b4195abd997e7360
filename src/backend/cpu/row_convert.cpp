// The conversion loops of row_convert.h. Most are plain loops that the compiler vectorises for each instruction set;
// the half types use the machine's conversions where it has them.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/row_convert.cpp"
#include "backend/cpu/row_convert.h"

#include <algorithm>
#include <complex>
#include <cstring>
#include <type_traits>

#include "backend/cpu/bytes.h"
#include "backend/cpu/simd.h"
#include "backend/expr/convert.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

template <class To, class From>
void convert(void* to, const void* from, int64_t n) {
  To* HWY_RESTRICT y = static_cast<To*>(to);
  for (int64_t i = 0; i < n; ++i) y[i] = expr::converted<To>(expr::stored<From>(from, i));
}

template <class T>
void convert_same(void* to, const void* from, int64_t n) {
  std::memcpy(to, from, static_cast<size_t>(n) * sizeof(T));
}

void bfloat16_to_float(void* to, const void* from, int64_t n) {
  uint32_t* HWY_RESTRICT y = static_cast<uint32_t*>(to);
  const uint16_t* HWY_RESTRICT x = static_cast<const uint16_t*>(from);
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<uint32_t>(x[i]) << 16;
}

void float_to_bfloat16(void* to, const void* from, int64_t n) {
  uint16_t* HWY_RESTRICT y = static_cast<uint16_t*>(to);
  const uint32_t* HWY_RESTRICT x = static_cast<const uint32_t*>(from);
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t rounded = (x[i] + 0x7fffu + ((x[i] >> 16) & 1u)) >> 16;
    y[i] = static_cast<uint16_t>((x[i] & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded);
  }
}

#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
void half_to_float(void* to, const void* from, int64_t n) {
  const hn::ScalableTag<float> df;
  const hn::Rebind<uint16_t, decltype(df)> du;
  const hn::Rebind<hwy::float16_t, decltype(df)> dh;
  float* y = static_cast<float*>(to);
  const uint16_t* x = static_cast<const uint16_t*>(from);
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(df));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::StoreU(hn::PromoteTo(df, hn::BitCast(dh, hn::LoadU(du, x + i))), df, y + i);
  }
  for (; i < n; ++i) y[i] = detail::half_to_float(x[i]);
}

void float_to_half(void* to, const void* from, int64_t n) {
  const hn::ScalableTag<float> df;
  const hn::Rebind<uint16_t, decltype(df)> du;
  const hn::Rebind<hwy::float16_t, decltype(df)> dh;
  uint16_t* y = static_cast<uint16_t*>(to);
  const float* x = static_cast<const float*>(from);
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(df));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::StoreU(hn::BitCast(du, hn::DemoteTo(dh, hn::LoadU(df, x + i))), du, y + i);
  }
  for (; i < n; ++i) y[i] = detail::float_to_half(x[i]);
}
#else
void half_to_float(void* to, const void* from, int64_t n) { convert<float, Half>(to, from, n); }
void float_to_half(void* to, const void* from, int64_t n) { convert<Half, float>(to, from, n); }
#endif

template <class To, class From>
constexpr ConvertFn converter() {
  if constexpr (std::is_same_v<To, From> && !std::is_same_v<To, bool>) return convert_same<To>;
  else if constexpr (std::is_same_v<From, BFloat16> && std::is_same_v<To, float>) return bfloat16_to_float;
  else if constexpr (std::is_same_v<From, float> && std::is_same_v<To, BFloat16>) return float_to_bfloat16;
  else if constexpr (std::is_same_v<From, Half> && std::is_same_v<To, float>) return half_to_float;
  else if constexpr (std::is_same_v<From, float> && std::is_same_v<To, Half>) return float_to_half;
  else return convert<To, From>;
}

using C64 = std::complex<float>;
using C128 = std::complex<double>;

constexpr RowConvert table() {
  RowConvert t{};
#define TENON_LOAD(T, name, python)                                                          \
  {                                                                                          \
    constexpr ConvertFn row[kAccCount] = {converter<float, T>(), converter<double, T>(),     \
                                          converter<int64_t, T>(), converter<uint64_t, T>(), \
                                          converter<C64, T>(), converter<C128, T>(),         \
                                          converter<bool, T>()};                             \
    for (int a = 0; a < kAccCount; ++a) t.load[static_cast<int>(ScalarType::name)][a] = row[a]; \
    constexpr ConvertFn column[kAccCount] = {converter<T, float>(), converter<T, double>(),  \
                                             converter<T, int64_t>(), converter<T, uint64_t>(), \
                                             converter<T, C64>(), converter<T, C128>(),      \
                                             converter<T, bool>()};                          \
    for (int a = 0; a < kAccCount; ++a) t.store[a][static_cast<int>(ScalarType::name)] = column[a]; \
  }
  TENON_FORALL_DTYPES(TENON_LOAD)
#undef TENON_LOAD
  return t;
}

}  // namespace

extern const RowConvert row_convert;
constinit const RowConvert row_convert = table();

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::cpu {

TENON_ISA_TABLE(RowConvert, row_convert)

namespace {

template <class T>
void copy_elements(void* to, int64_t to_stride, const void* from, int64_t from_stride, int64_t n) {
  T* y = static_cast<T*>(to);
  const T* x = static_cast<const T*>(from);
  for (int64_t i = 0; i < n; ++i) y[i * to_stride] = x[i * from_stride];
}

template <class T>
void gather_as(void* to, const void* from, const int64_t* offsets, int64_t n) {
  T* y = static_cast<T*>(to);
  const T* x = static_cast<const T*>(from);
  for (int64_t i = 0; i < n; ++i) y[i] = x[offsets[i]];
}

}  // namespace

void copy_strided(void* to, int64_t to_stride, const void* from, int64_t from_stride, int64_t n, size_t size) {
  if (to_stride == 1 && from_stride == 1) {
    if (n > 0) std::memcpy(to, from, static_cast<size_t>(n) * size);
    return;
  }
  visit_size(size, [&](auto zero) { copy_elements<decltype(zero)>(to, to_stride, from, from_stride, n); });
}

void gather_elements(void* to, const void* from, const int64_t* offsets, int64_t n, size_t size) {
  visit_size(size, [&](auto zero) { gather_as<decltype(zero)>(to, from, offsets, n); });
}

void RowLoader::load(void* to, const void* from, int64_t stride, int64_t n) const {
  if (!convert_) return copy_strided(to, 1, from, stride, n, size_);
  if (stride == 1) return convert_(to, from, n);
  constexpr int64_t kStep = 256;
  alignas(64) std::byte gathered[kStep * sizeof(Bytes16)];
  char* out = static_cast<char*>(to);
  const char* in = static_cast<const char*>(from);
  for (int64_t i = 0; i < n; i += kStep) {
    const int64_t count = std::min(kStep, n - i);
    copy_strided(gathered, 1, in + i * stride * static_cast<int64_t>(size_), stride, count, size_);
    convert_(out + i * static_cast<int64_t>(to_size_), gathered, count);
  }
}

void RowStorer::store(void* to, int64_t stride, const void* from, int64_t n) const {
  if (stride == 1) return convert_(to, from, n);
  constexpr int64_t kStep = 256;
  alignas(64) std::byte converted[kStep * sizeof(Bytes16)];
  char* out = static_cast<char*>(to);
  const char* in = static_cast<const char*>(from);
  for (int64_t i = 0; i < n; i += kStep) {
    const int64_t count = std::min(kStep, n - i);
    convert_(converted, in + i * static_cast<int64_t>(from_size_), count);
    copy_strided(out + i * stride * static_cast<int64_t>(size_), stride, converted, 1, count, size_);
  }
}

}  // namespace tenon::cpu
#endif
