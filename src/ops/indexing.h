// What the indexing ops share: masks as integer indices.
#pragma once

#include <vector>

#include "tenon/tensor/tensor.h"

namespace tenon {

// Whether an index tensor is a mask: bool or, as in PyTorch, uint8.
bool is_mask(const Tensor& index);

// The places where a mask is true: a contiguous 1-d int64 tensor for each of its dims.
std::vector<Tensor> mask_to_indices(const Tensor& mask);

}  // namespace tenon
