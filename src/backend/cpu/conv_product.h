// Convolutions of real numbers as matrix products whose unfolded operand exists only in parts that stay in the caches.
#pragma once

#include "backend/conv_kernels.h"

namespace tenon::cpu {

// Each computes its result unless the convolution is of a kind that is better served by unfolding sample by sample, and
// says whether it did. T is float or double.
template <class T>
bool conv_forward(T* y, const T* x, const T* w, const ConvGeometry& geometry);
template <class T>
bool conv_input_gradient(T* gx, const T* gy, const T* w, const ConvGeometry& geometry);
template <class T>
bool conv_weight_gradient(T* gw, const T* gy, const T* x, const ConvGeometry& geometry);

}  // namespace tenon::cpu
