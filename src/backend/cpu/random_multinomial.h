// Sampling of indices by weight; see random_kernels.h for the contract.
#pragma once

#include "backend/random_kernels.h"

namespace tenon::cpu {

void multinomial(const TensorView& out, const TensorView& weights, bool replacement, Generator& generator);

}  // namespace tenon::cpu
