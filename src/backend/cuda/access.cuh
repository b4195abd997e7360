// Reading and writing one element of any real dtype inside a kernel, and finding where an element lies.
#pragma once

#include "backend/cuda/launch.h"
#include "backend/expr/convert.h"

namespace tenon::cuda {

// X(C++ type, enumerator) for the dtypes that kernels compute with.
#define TENON_REAL_DTYPES(X) \
  X(uint8_t, Byte)           \
  X(int8_t, Char)            \
  X(int16_t, Short)          \
  X(int32_t, Int)            \
  X(int64_t, Long)           \
  X(Half, Half)              \
  X(float, Float)            \
  X(double, Double)          \
  X(bool, Bool)              \
  X(BFloat16, BFloat16)      \
  X(uint16_t, UInt16)        \
  X(uint32_t, UInt32)        \
  X(uint64_t, UInt64)

// A value as `dtype` holds it: rounded or cut to its width.
template <class T>
__device__ __noinline__ T held_as(ScalarType dtype, T value) {
  switch (dtype) {
#define TENON_CASE(type, name) \
  case ScalarType::name:       \
    return expr::converted<T>(expr::converted<type>(value));
    TENON_REAL_DTYPES(TENON_CASE)
#undef TENON_CASE
    default:
      return value;
  }
}

template <class T>
__device__ __noinline__ T load_as(const void* data, int64_t index, ScalarType dtype) {
  switch (dtype) {
#define TENON_CASE(type, name) \
  case ScalarType::name:       \
    return expr::converted<T>(static_cast<const type*>(data)[index]);
    TENON_REAL_DTYPES(TENON_CASE)
#undef TENON_CASE
    default:
      return T(0);
  }
}

template <class T>
__device__ __noinline__ void store_as(void* data, int64_t index, ScalarType dtype, T value) {
  switch (dtype) {
#define TENON_CASE(type, name)                                             \
  case ScalarType::name:                                                   \
    static_cast<type*>(data)[index] = expr::converted<type>(value); \
    return;
    TENON_REAL_DTYPES(TENON_CASE)
#undef TENON_CASE
    default:
      return;
  }
}

// Writes each operand's offset of element `index`, counted in row-major order.
template <int kOperands>
__device__ inline void locate(const Layout& layout, int operands, int64_t index, int64_t (&offsets)[kOperands]) {
  for (int k = 0; k < kOperands; ++k) offsets[k] = 0;
  for (int d = layout.ndim - 1; d >= 0; --d) {
    const int64_t size = layout.sizes[d];
    int64_t rest, at;
    // Divisions of 32 bits are many times as fast.
    if ((index | size) >> 32 == 0) {
      rest = static_cast<uint32_t>(index) / static_cast<uint32_t>(size);
      at = static_cast<uint32_t>(index) - static_cast<uint32_t>(rest) * static_cast<uint32_t>(size);
    } else {
      rest = index / size;
      at = index - rest * size;
    }
    index = rest;
    for (int k = 0; k < kOperands; ++k) {
      if (k < operands) offsets[k] += at * layout.strides[k][d];
    }
  }
}

}  // namespace tenon::cuda
