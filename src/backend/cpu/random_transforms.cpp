// From uniform bits to uniform and normal numbers; see random_transforms.h. Sums that PyTorch computes with one
// rounding (fused multiply-add) are fused here too, on every instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/random_transforms.cpp"
#include "backend/cpu/simd.h"

#include <cmath>
#include <numbers>

#include "backend/cpu/random_transforms.h"
#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void uniform_float(const uint32_t* words, float* out, int64_t count, float from, float to) {
  const float width = to - from;
  for (int64_t i = 0; i < count; ++i) {
    const float unit = static_cast<float>(static_cast<int32_t>(words[i] & 0xffffffu)) * 0x1p-24f;
    const float value = __builtin_fmaf(unit, width, from);
    out[i] = value == to ? from : value;
  }
}

void uniform_double(const uint32_t* words, double* out, int64_t count, double from, double to) {
  const double width = to - from;
  for (int64_t i = 0; i < count; ++i) {
    const uint64_t bits = (static_cast<uint64_t>(words[2 * i]) << 32 | words[2 * i + 1]) & ((uint64_t{1} << 53) - 1);
    const double value = __builtin_fma(static_cast<double>(static_cast<int64_t>(bits)) * 0x1p-53, width, from);
    out[i] = value == to ? from : value;
  }
}

void normal_float(float* data, int64_t blocks, float mean, float std) {
  const hn::CappedTag<float, 8> d;
  using V = hn::Vec<decltype(d)>;
  const size_t lanes = hn::Lanes(d);
  const V one = hn::Set(d, 1.0f), minus_two = hn::Set(d, -2.0f);
  const V two_pi = hn::Set(d, 2 * std::numbers::pi_v<float>);
  const V mean_v = hn::Set(d, mean), std_v = hn::Set(d, std);
  for (int64_t b = 0; b < blocks; ++b, data += 16) {
    for (size_t i = 0; i < 8; i += lanes) {
      const V u1 = hn::Sub(one, hn::LoadU(d, data + i));
      const V theta = hn::Mul(two_pi, hn::LoadU(d, data + i + 8));
      const V radius = hn::Sqrt(hn::Mul(minus_two, hn::Log(d, u1)));
      hn::StoreU(hn::MulAdd(hn::Mul(radius, hn::Cos(d, theta)), std_v, mean_v), d, data + i);
      hn::StoreU(hn::MulAdd(hn::Mul(radius, hn::Sin(d, theta)), std_v, mean_v), d, data + i + 8);
    }
  }
}

void normal_double(double* data, int64_t blocks, double mean, double std) {
  for (int64_t b = 0; b < blocks; ++b, data += 16) {
    for (int i = 0; i < 8; ++i) {
      const double radius = std::sqrt(-2 * std::log(1 - data[i]));
      const double theta = 2 * std::numbers::pi * data[i + 8];
      data[i] = __builtin_fma(radius * std::cos(theta), std, mean);
      data[i + 8] = __builtin_fma(radius * std::sin(theta), std, mean);
    }
  }
}

const RandomTransforms random_transforms = {uniform_float, uniform_double, normal_float, normal_double};

}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::cpu {
TENON_ISA_TABLE(RandomTransforms, random_transforms)
}  // namespace tenon::cpu
#endif
