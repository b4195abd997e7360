// Forms of softmax that ops share.
#pragma once

#include "tenon/ops/ops.h"

namespace tenon {

// Whether causal_softmax and class_loss are there for such tensors.
bool has_fused_softmax(const Tensor& tensor);

// Softmax along the last dim, of whose matrices row i counts up to column i alone.
Tensor causal_softmax(const Tensor& scores);

// The cross entropy of [rows, classes] and int64 classes of equal weight, or an undefined tensor if there is no such
// class.
Tensor class_loss(const Tensor& input, const Tensor& classes, int64_t ignored, std::string_view reduction);

}  // namespace tenon
