// The CPU's random family.
#pragma once

#include "backend/random_kernels.h"

namespace tenon {

TENON_API extern const RandomKernels cpu_random;

}  // namespace tenon
