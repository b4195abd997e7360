// Conversion of runs of elements between storage dtypes and the few dtypes that kernels compute in, so that a kernel
// needs one instantiation per compute dtype and not one per storage dtype. Depends on base alone.
#pragma once

#include <cstdint>

#include "tenon/base/dtype.h"

namespace tenon::cpu {

// What kernels compute in: Flag is uint8 holding 0 or 1.
// U64 is there for its order; sums and products are the same in I64.
enum class Acc : uint8_t { F32, F64, I64, U64, C64, C128, Flag };
inline constexpr int kAccCount = 7;

constexpr Acc acc_of(ScalarType dtype) {
  switch (dtype) {
    case ScalarType::Half:
    case ScalarType::BFloat16:
    case ScalarType::Float: return Acc::F32;
    case ScalarType::Double: return Acc::F64;
    case ScalarType::UInt64: return Acc::U64;
    case ScalarType::ComplexFloat: return Acc::C64;
    case ScalarType::ComplexDouble: return Acc::C128;
    default: return Acc::I64;
  }
}

constexpr ScalarType acc_dtype(Acc acc) {
  constexpr ScalarType dtypes[kAccCount] = {kFloat,        kDouble,        kLong, kUInt64,
                                               kComplexFloat, kComplexDouble, kBool};
  return dtypes[static_cast<int>(acc)];
}

constexpr size_t acc_size(Acc acc) { return element_size(acc_dtype(acc)); }

// Converts n adjacent elements.
using ConvertFn = void (*)(void* to, const void* from, int64_t n);

struct RowConvert {
  ConvertFn load[kDtypeCount][kAccCount];
  ConvertFn store[kAccCount][kDtypeCount];
};
const RowConvert& row_convert();

// Copies n elements of `size` bytes; strides count elements.
void copy_strided(void* to, int64_t to_stride, const void* from, int64_t from_stride, int64_t n, size_t size);

// to[i] = from[offsets[i]] for n elements of `size` bytes.
void gather_elements(void* to, const void* from, const int64_t* offsets, int64_t n, size_t size);

// Reads strided runs of one dtype as Acc values, without copying where the memory already holds them.
class RowLoader {
 public:
  RowLoader(ScalarType from, Acc to)
      : convert_(from == acc_dtype(to) ? nullptr : row_convert().load[static_cast<int>(from)][static_cast<int>(to)]),
        size_(element_size(from)),
        to_size_(acc_size(to)) {}

  // Whether adjacent elements can be used where they are.
  bool direct() const { return convert_ == nullptr; }

  // Converts into `to`, which has room for n Acc values.
  void load(void* to, const void* from, int64_t stride, int64_t n) const;

 private:
  ConvertFn convert_;
  size_t size_;
  size_t to_size_;
};

// Writes runs of Acc values as elements of another dtype, strided.
class RowStorer {
 public:
  RowStorer(Acc from, ScalarType to)
      : convert_(row_convert().store[static_cast<int>(from)][static_cast<int>(to)]),
        from_size_(acc_size(from)),
        size_(element_size(to)) {}
  void store(void* to, int64_t stride, const void* from, int64_t n) const;

 private:
  ConvertFn convert_;
  size_t from_size_;
  size_t size_;
};

}  // namespace tenon::cpu
