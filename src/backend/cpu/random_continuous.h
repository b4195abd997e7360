// The continuous distributions of the CPU's random family; see random_kernels.h for their contracts.
#pragma once

#include "backend/random_kernels.h"

namespace tenon::cpu {

void random_uniform(const TensorView& out, double from, double to, Generator& generator);
void random_normal(const TensorView& out, double mean, double std, Generator& generator);
void random_log_normal(const TensorView& out, double mean, double std, Generator& generator);
void random_cauchy(const TensorView& out, double median, double sigma, Generator& generator);
void random_exponential(const TensorView& out, double lambda, Generator& generator);
// For callers that hold the generator's mutex.
void exponential_unlocked(const TensorView& out, double lambda, Generator& generator);
double next_normal(Generator& generator, double mean, double std);

}  // namespace tenon::cpu
