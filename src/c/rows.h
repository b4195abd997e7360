// Rows of a caller's numbers as tensors.
#pragma once

#include <cstddef>

#include "tenon/tensor/tensor.h"

namespace tenon::c {

// A view. Throws ValueError where memory cannot hold so many.
Tensor rows_of(const float* numbers, size_t rows, size_t size);

}  // namespace tenon::c
