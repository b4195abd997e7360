// One element of any dtype as another: what every conversion of the library does. For host and device; depends on base
// alone.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include "backend/expr/lane.h"
#include "tenon/base/half.h"

namespace tenon::expr {

// A float as an integer, rounded towards zero. What does not fit gives the lowest integer of 32 bits (of 64 for int64),
// cut to the width: what the CPU's conversion gives, and PyTorch's.
template <class To, class From>
TENON_LANE To truncated(From x) {
  using Wide = std::conditional_t<sizeof(To) == 8, int64_t, int32_t>;
  constexpr From kLimit = sizeof(To) == 8 ? From(9223372036854775808.0) : From(2147483648.0);
  const bool fits = x < kLimit && x >= -kLimit;
  const Wide wide = static_cast<Wide>(fits ? x : From(0));
  return static_cast<To>(fits ? wide : std::numeric_limits<Wide>::min());
}

// An element of an array. Any byte but 0 is true: memory that others wrote may hold such bools.
template <class T>
TENON_LANE T element(const T* array, int64_t i) {
  if constexpr (std::is_same_v<T, bool>)
    return reinterpret_cast<const uint8_t*>(array)[i] != 0;
  else
    return array[i];
}

template <class To, class From>
TENON_LANE To converted(From x) {
  if constexpr (std::is_same_v<From, Half> || std::is_same_v<From, BFloat16>) {
    return converted<To>(static_cast<float>(x));
  } else if constexpr (std::is_same_v<To, Half> || std::is_same_v<To, BFloat16>) {
    return To(converted<float>(x));
  } else if constexpr (std::is_same_v<To, bool>) {
    return x != From(0);
  } else if constexpr (is_complex_v<To>) {
    using R = typename To::value_type;
    if constexpr (is_complex_v<From>)
      return To(static_cast<R>(x.real()), static_cast<R>(x.imag()));
    else
      return To(converted<R>(x), 0);
  } else if constexpr (is_complex_v<From>) {
    return converted<To>(x.real());
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    return truncated<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

}  // namespace tenon::expr
