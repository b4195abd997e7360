// The CPU's kernel families: one declaration each.
#pragma once

#include "backend/backend.h"

namespace tenon::cpu {

TENON_API const MatmulKernels& matmul_table();

}  // namespace tenon::cpu
