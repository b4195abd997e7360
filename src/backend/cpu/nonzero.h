// Kernels whose result size depends on the data: they count in fixed blocks, then write each block at its place.
#pragma once

#include <cstdint>

#include "backend/tensor_view.h"

namespace tenon::cpu {

int64_t count_nonzero(const TensorView& in);
void nonzero(const TensorView& out, const TensorView& in);
void masked_select(const TensorView& out, const TensorView& in, const TensorView& mask);

}  // namespace tenon::cpu
