// Element types: their names, sizes, categories and promotion. TENON_FORALL_DTYPES is the one list of them.
#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <iosfwd>

#include "tenon/base/error.h"
#include "tenon/base/export.h"
#include "tenon/base/half.h"

namespace tenon {

// X(C++ type, enumerator, Python name)
#define TENON_FORALL_DTYPES(X)                 \
  X(uint8_t, Byte, uint8)                      \
  X(int8_t, Char, int8)                        \
  X(int16_t, Short, int16)                     \
  X(int32_t, Int, int32)                       \
  X(int64_t, Long, int64)                      \
  X(::tenon::Half, Half, float16)              \
  X(float, Float, float32)                     \
  X(double, Double, float64)                   \
  X(std::complex<float>, ComplexFloat, complex64)    \
  X(std::complex<double>, ComplexDouble, complex128) \
  X(bool, Bool, bool)                          \
  X(::tenon::BFloat16, BFloat16, bfloat16)           \
  X(uint16_t, UInt16, uint16)                  \
  X(uint32_t, UInt32, uint32)                  \
  X(uint64_t, UInt64, uint64)

enum class ScalarType : int8_t {
#define TENON_ENUMERATOR(type, name, python) name,
  TENON_FORALL_DTYPES(TENON_ENUMERATOR)
#undef TENON_ENUMERATOR
};
using Dtype = ScalarType;

#define TENON_COUNT_ONE(type, name, python) +1
inline constexpr int kDtypeCount = 0 TENON_FORALL_DTYPES(TENON_COUNT_ONE);
#undef TENON_COUNT_ONE

inline constexpr ScalarType kUInt8 = ScalarType::Byte, kByte = ScalarType::Byte;
inline constexpr ScalarType kInt8 = ScalarType::Char, kChar = ScalarType::Char;
inline constexpr ScalarType kInt16 = ScalarType::Short, kShort = ScalarType::Short;
inline constexpr ScalarType kInt32 = ScalarType::Int, kInt = ScalarType::Int;
inline constexpr ScalarType kInt64 = ScalarType::Long, kLong = ScalarType::Long;
inline constexpr ScalarType kUInt16 = ScalarType::UInt16;
inline constexpr ScalarType kUInt32 = ScalarType::UInt32;
inline constexpr ScalarType kUInt64 = ScalarType::UInt64;
inline constexpr ScalarType kFloat16 = ScalarType::Half, kHalf = ScalarType::Half;
inline constexpr ScalarType kFloat32 = ScalarType::Float, kFloat = ScalarType::Float;
inline constexpr ScalarType kFloat64 = ScalarType::Double, kDouble = ScalarType::Double;
inline constexpr ScalarType kComplexFloat = ScalarType::ComplexFloat;
inline constexpr ScalarType kComplexDouble = ScalarType::ComplexDouble;
inline constexpr ScalarType kBool = ScalarType::Bool;
inline constexpr ScalarType kBFloat16 = ScalarType::BFloat16;

template <class T>
struct dtype_of;
#define TENON_DTYPE_OF(type, name, python) \
  template <>                              \
  struct dtype_of<type> {                  \
    static constexpr ScalarType value = ScalarType::name; \
  };
TENON_FORALL_DTYPES(TENON_DTYPE_OF)
#undef TENON_DTYPE_OF
template <class T>
inline constexpr ScalarType dtype_v = dtype_of<T>::value;

// Bytes of one element.
constexpr size_t element_size(ScalarType dtype) {
  switch (dtype) {
#define TENON_SIZE(type, name, python) \
  case ScalarType::name:               \
    return sizeof(type);
    TENON_FORALL_DTYPES(TENON_SIZE)
#undef TENON_SIZE
  }
  return 0;
}

// The name after "tenon." in Python, such as "float32".
TENON_API const char* dtype_name(ScalarType dtype);
TENON_API std::ostream& operator<<(std::ostream& out, ScalarType dtype);

constexpr bool is_complex(ScalarType t) { return t == kComplexFloat || t == kComplexDouble; }
constexpr bool is_floating_point(ScalarType t) {
  return t == kFloat || t == kDouble || t == kHalf || t == kBFloat16;
}
constexpr bool is_reduced_floating_point(ScalarType t) { return t == kHalf || t == kBFloat16; }
constexpr bool is_integral(ScalarType t, bool include_bool) {
  return !is_complex(t) && !is_floating_point(t) && (include_bool || t != kBool);
}
// The unsigned integers of more than 8 bits, with which few programs compute.
constexpr bool is_wide_unsigned(ScalarType t) { return t == kUInt16 || t == kUInt32 || t == kUInt64; }
constexpr bool is_signed(ScalarType t) { return t != kByte && t != kBool && !is_wide_unsigned(t); }
// Only floating and complex tensors carry gradients.
constexpr bool is_differentiable(ScalarType t) { return is_floating_point(t) || is_complex(t); }

// complex64 for float32 and the halves, complex128 for float64, itself for complex.
constexpr ScalarType to_complex(ScalarType t) {
  return t == kDouble || t == kComplexDouble ? kComplexDouble : kComplexFloat;
}
// The type of the real part: float32 for complex64, itself for real types.
constexpr ScalarType to_real(ScalarType t) {
  return t == kComplexFloat ? kFloat : t == kComplexDouble ? kDouble : t;
}

// The smallest type that both convert to: PyTorch's promotion lattice; the array API's for the wide unsigned integers,
// for most pairs of which PyTorch has none. Throws for uint64 with a signed integer.
TENON_API ScalarType promote_types(ScalarType a, ScalarType b);
// Whether a result of type `from` may be stored into a tensor of type `to` (in-place forms and out=).
TENON_API bool can_cast(ScalarType from, ScalarType to);

// Calls visit(T{}) for the C++ type T of `dtype`; visit is a generic lambda.
template <class Visit>
decltype(auto) visit_dtype(ScalarType dtype, Visit&& visit) {
  switch (dtype) {
#define TENON_VISIT(type, name, python) \
  case ScalarType::name:                \
    return visit(type{});
    TENON_FORALL_DTYPES(TENON_VISIT)
#undef TENON_VISIT
  }
  detail::fail<TypeError>("unknown dtype ", static_cast<int>(dtype));
}

}  // namespace tenon
