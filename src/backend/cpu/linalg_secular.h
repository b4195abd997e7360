// The secular equation, to which divide and conquer reduces eigenvalues and singular values. Depends on linalg.h.
#pragma once

#include <vector>

#include "backend/cpu/linalg.h"

namespace tenon::cpu {

// 1 / weight + sum over i of z_i^2 / (p_i - x) = 0, where p_i is d_i, or d_i^2 where the roots are those of singular
// values; d rises (and with squares is not negative), and no z_i and no difference of neighbours is zero.
struct Secular {
  std::vector<double> d, z;
  double weight;
  bool squares;
};

// The roots of the secular equation, rising, as eigenvalues or singular values: root j lies between d_j and d_(j+1).
struct SecularRoots {
  std::vector<double> values;
  Matrix<double> differences;  // p_i - x_j, each with hardly an error relative to itself
  // The z for which these are the exact roots: vectors made of it and the differences are orthogonal.
  std::vector<double> z;
};
SecularRoots solve_secular(const Secular& equation);

}  // namespace tenon::cpu
