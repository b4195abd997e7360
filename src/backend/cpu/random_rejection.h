// Distributions with a parameter for each element, drawn by rejection; see random_kernels.h for their contracts.
#pragma once

#include "backend/random_kernels.h"

namespace tenon::cpu {

void standard_gamma(const TensorView& out, const TensorView& concentration, Generator& generator);
void poisson(const TensorView& out, const TensorView& rate, Generator& generator);
void binomial(const TensorView& out, const TensorView& count, const TensorView& prob, Generator& generator);

}  // namespace tenon::cpu
