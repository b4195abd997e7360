// Scalar functions that the C++ library lacks, in double precision. Depends on the list of words alone.
#pragma once

namespace tenon::cpu {

double digamma(double x);
// The n-th derivative of digamma, for whole n >= 0.
double polygamma(double n, double x);
// log|gamma(x)| without the global sign of std::lgamma, which threads would race for.
double log_gamma(double x);
// Floor division and remainder with the sign of the divisor, as Python has them.
double floor_divide(double a, double b);
double python_remainder(double a, double b);

#define TENON_SERIES(name)
#define TENON_WORD1(name) double name(double x);
#define TENON_WORD2(name) double name(double a, double b);
#include "backend/expr/special_words.inc"

}  // namespace tenon::cpu
