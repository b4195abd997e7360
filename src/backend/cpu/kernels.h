// The CPU's kernel families: one declaration each.
#pragma once

#include "backend/backend.h"

namespace tenon::cpu {

const MatmulKernels& matmul_table();

}  // namespace tenon::cpu
