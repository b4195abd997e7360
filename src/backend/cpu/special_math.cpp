// The special functions as calls of their own, compiled for the baseline.
#include "backend/cpu/special_math.h"

#include <cmath>

#include "backend/expr/bessel.h"
#include "backend/expr/gamma.h"
#include "backend/expr/orthogonal.h"
#include "backend/expr/special.h"

namespace tenon::cpu {

double digamma(double x) { return expr::special::digamma(x); }
double polygamma(double n, double x) { return expr::special::polygamma(n, x); }

double log_gamma(double x) {
  int sign;
  return ::lgamma_r(x, &sign);
}

double floor_divide(double a, double b) { return expr::special::floor_divide(a, b); }
double python_remainder(double a, double b) { return expr::special::python_remainder(a, b); }

#define TENON_SERIES(name)
#define TENON_WORD1(name) \
  double name(double x) { return expr::special::name(x); }
#define TENON_WORD2(name) \
  double name(double a, double b) { return expr::special::name(a, b); }
#include "backend/expr/special_words.inc"

}  // namespace tenon::cpu
