// How a sample moves with a parameter of its distribution while its cumulative probability stays what it is.
#pragma once

#include "backend/tensor_view.h"

namespace tenon::cpu {

// The derivative of a gamma sample by its concentration, and of a Dirichlet component x by its own concentration,
// divided by 1 - x; `total` is the sum of all concentrations. Contiguous views of one size, float32 or float64.
void standard_gamma_gradient(const TensorView& out, const TensorView& concentration, const TensorView& sample);
void dirichlet_gradient(const TensorView& out, const TensorView& x, const TensorView& concentration,
                        const TensorView& total);

}  // namespace tenon::cpu
