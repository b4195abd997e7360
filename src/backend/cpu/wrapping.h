// Sums and quotients of any numbers, of which integers wrap around. Depends on the lanes of the formulas.
#pragma once

#include <concepts>

#include "backend/expr/lane.h"

namespace tenon::cpu {

template <class T>
T wrapping_sum(T a, T b) {
  if constexpr (std::integral<T>)
    return (expr::Lane<T>(a) + expr::Lane<T>(b)).value;
  else
    return a + b;
}

// That of integers is rounded towards zero.
template <class T>
T wrapping_quotient(T a, T b) {
  if constexpr (std::integral<T>)
    return trunc_div(expr::Lane<T>(a), expr::Lane<T>(b)).value;
  else
    return a / b;
}

}  // namespace tenon::cpu
