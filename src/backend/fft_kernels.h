// The Fourier transform family of a backend. Included by backend.h.
#pragma once

#include "backend/tensor_view.h"

namespace tenon {

// All views are contiguous and not empty, and are float or double or complex of one of these. Sums are not normalised
// but multiplied by `scale`.
struct FftKernels {
  // Along the middle dim of [outer, n, inner]: out[k] is the sum of in[j] e^(-2 pi i j k / n), with + unless `forward`.
  void (*complex_to_complex)(const TensorView& out, const TensorView& in, bool forward, double scale);
  // The first n / 2 + 1 of the forward sums over the last dim of in [lines, n], which is real.
  void (*real_to_complex)(const TensorView& out, const TensorView& in, double scale);
  // The backward sums over the last dim of in [lines, n / 2 + 1], which stands for the n numbers of a real signal's
  // transform; the parts that are zero in such a one are not read. out [lines, n] is real.
  void (*complex_to_real)(const TensorView& out, const TensorView& in, double scale);
};

}  // namespace tenon
