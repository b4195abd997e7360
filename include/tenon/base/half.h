// Half (IEEE binary16) and BFloat16: storage types that compute through float.
#pragma once

#include <bit>
#include <cstdint>

namespace tenon {

#if defined(__CUDACC__)
#define TENON_HOST_DEVICE __host__ __device__
#else
#define TENON_HOST_DEVICE
#endif

namespace detail {

TENON_HOST_DEVICE inline uint32_t float_bits(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  return bits;
}

TENON_HOST_DEVICE inline float bits_float(uint32_t bits) {
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

// Rounds to nearest even; overflow gives infinity, NaN stays NaN.
TENON_HOST_DEVICE inline uint16_t float_to_half(float value) {
  uint32_t bits = float_bits(value);
  uint32_t sign = (bits >> 16) & 0x8000u;
  bits &= 0x7fffffffu;
  if (bits > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);
  if (bits >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);
  if (bits < 0x38800000u) {
    // Subnormal: adding 0.5 aligns the mantissa so that the FPU rounds it.
    float magic = bits_float(bits) + 0.5f;
    return static_cast<uint16_t>(sign | (float_bits(magic) - 0x3f000000u));
  }
  uint32_t odd = (bits >> 13) & 1u;
  bits += 0xc8000fffu + odd;
  return static_cast<uint16_t>(sign | (bits >> 13));
}

TENON_HOST_DEVICE inline float half_to_float(uint16_t half) {
  uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  uint32_t rest = half & 0x7fffu;
  if (rest >= 0x7c00u) return bits_float(sign | 0x7f800000u | (rest & 0x3ffu) << 13);
  if (rest < 0x400u) {
    float magnitude = static_cast<float>(rest) * 5.9604644775390625e-8f;  // 2^-24
    return bits_float(sign | float_bits(magnitude));
  }
  return bits_float(sign | ((rest << 13) + 0x38000000u));
}

TENON_HOST_DEVICE inline uint16_t float_to_bfloat16(float value) {
  uint32_t bits = float_bits(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fc0u;
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace detail

struct Half {
  uint16_t bits = 0;

  Half() = default;
  TENON_HOST_DEVICE Half(float value) : bits(detail::float_to_half(value)) {}
  TENON_HOST_DEVICE operator float() const { return detail::half_to_float(bits); }
};

struct BFloat16 {
  uint16_t bits = 0;

  BFloat16() = default;
  TENON_HOST_DEVICE BFloat16(float value) : bits(detail::float_to_bfloat16(value)) {}
  TENON_HOST_DEVICE operator float() const { return detail::bits_float(static_cast<uint32_t>(bits) << 16); }
};

}  // namespace tenon
