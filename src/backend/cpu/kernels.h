// The kernel families of the CPU backend, each defined in its own file of this folder.
#pragma once

#include "backend/backend.h"

namespace tenon::cpu {

TENON_API const ElementwiseKernels& elementwise_table();

}  // namespace tenon::cpu
