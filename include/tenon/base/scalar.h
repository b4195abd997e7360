// Scalar: a number of the host language (bool, integer, float or complex) that takes part in an op.
#pragma once

#include <complex>
#include <cstdint>
#include <iosfwd>
#include <type_traits>

#include "tenon/base/dtype.h"

namespace tenon {

class Scalar {
 public:
  // Unsigned is an integer beyond int64.
  enum class Kind : int8_t { Bool, Int, Float, Complex, Unsigned };

  constexpr Scalar() : Scalar(int64_t{0}) {}
  template <class T>
    requires std::is_integral_v<T>
  constexpr Scalar(T value)
      : kind_(kind_of(value)), int_(static_cast<int64_t>(value)) {}
  template <class T>
    requires std::is_floating_point_v<T>
  constexpr Scalar(T value) : kind_(Kind::Float), real_(static_cast<double>(value)) {}
  Scalar(Half value) : Scalar(static_cast<float>(value)) {}
  Scalar(BFloat16 value) : Scalar(static_cast<float>(value)) {}
  template <class T>
  constexpr Scalar(std::complex<T> value)
      : kind_(Kind::Complex), real_(static_cast<double>(value.real())), imag_(static_cast<double>(value.imag())) {}

  constexpr Kind kind() const { return kind_; }
  constexpr bool is_bool() const { return kind_ == Kind::Bool; }
  constexpr bool is_integral() const { return kind_ != Kind::Float && kind_ != Kind::Complex; }
  constexpr bool is_floating_point() const { return kind_ == Kind::Float; }
  constexpr bool is_complex() const { return kind_ == Kind::Complex; }

  // The value as T, converted as C++ converts it; an out-of-range float to an integer saturates.
  template <class T>
  T to() const {
    if constexpr (std::is_same_v<T, bool>) {
      return is_integral() ? int_ != 0 : real_ != 0 || imag_ != 0;
    } else if constexpr (std::is_same_v<T, std::complex<float>> || std::is_same_v<T, std::complex<double>>) {
      using R = typename T::value_type;
      return is_integral() ? T(to<R>()) : T(static_cast<R>(real_), static_cast<R>(imag_));
    } else if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(is_integral() ? int_ : saturated(real_));
    } else if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
      return T(to<float>());
    } else if (kind_ == Kind::Unsigned) {
      return static_cast<T>(static_cast<uint64_t>(int_));
    } else {
      return is_integral() ? static_cast<T>(int_) : static_cast<T>(real_);
    }
  }
  double to_double() const { return to<double>(); }
  int64_t to_int64() const { return to<int64_t>(); }
  bool toBool() const { return to<bool>(); }
  int toInt() const { return to<int>(); }
  int64_t toLong() const { return to<int64_t>(); }
  float toFloat() const { return to<float>(); }
  double toDouble() const { return to<double>(); }
  // The dtype a tensor made of this number has, given the default float dtype.
  constexpr ScalarType dtype(ScalarType default_float) const {
    switch (kind_) {
      case Kind::Bool: return kBool;
      case Kind::Int: return kLong;
      case Kind::Float: return default_float;
      case Kind::Complex: return to_complex(default_float);
      case Kind::Unsigned: return kUInt64;
    }
    return kLong;
  }
  Scalar operator-() const {
    return is_integral() ? Scalar(static_cast<int64_t>(-static_cast<uint64_t>(int_)))
           : is_complex() ? Scalar(std::complex<double>(-real_, -imag_))
                          : Scalar(-real_);
  }
  // Equal in value, whatever the kind.
  bool equal(double value) const { return imag_ == 0 && to<double>() == value; }

 private:
  template <class T>
  static constexpr Kind kind_of(T value) {
    if constexpr (std::is_same_v<T, bool>) return Kind::Bool;
    else if constexpr (std::is_unsigned_v<T>) return value > uint64_t{INT64_MAX} ? Kind::Unsigned : Kind::Int;
    else return Kind::Int;
  }
  static int64_t saturated(double value) {
    if (!(value == value)) return 0;
    if (value >= 9223372036854775808.0) return INT64_MAX;
    if (value <= -9223372036854775808.0) return INT64_MIN;
    return static_cast<int64_t>(value);
  }

  Kind kind_;
  int64_t int_ = 0;  // the bits of an Unsigned
  double real_ = 0;
  double imag_ = 0;
};

TENON_API std::ostream& operator<<(std::ostream& out, const Scalar& scalar);

}  // namespace tenon
