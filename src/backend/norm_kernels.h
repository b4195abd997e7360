// The normalisation family of a backend. Included by backend.h.
//
// Half types compute in float. Statistics (mean, rstd, var) are float for half and float data, double for double.
// Pointers to views may be null where said; contiguous unless said.
#pragma once

#include "backend/tensor_view.h"

namespace tenon {

struct NormKernels {
  // out = (in - mean) * rstd * weight + bias over the rows of [rows, n], rstd = 1 / sqrt(var + eps). mean and rstd are
  // [rows]; weight and bias [n] or null.
  void (*layer_norm)(const TensorView& out, const TensorView& mean, const TensorView& rstd, const TensorView& in,
                     const TensorView* weight, const TensorView* bias, double eps);
  // Each gradient may be null.
  void (*layer_norm_backward)(const TensorView* grad_in, const TensorView* grad_weight, const TensorView* grad_bias,
                              const TensorView& grad_out, const TensorView& in, const TensorView& mean,
                              const TensorView& rstd, const TensorView* weight);
  // out = in * rstd * weight over the rows of [rows, n], rstd = 1 / sqrt(mean(in^2) + eps).
  void (*rms_norm)(const TensorView& out, const TensorView& rstd, const TensorView& in, const TensorView* weight,
                   double eps);
  void (*rms_norm_backward)(const TensorView* grad_in, const TensorView* grad_weight, const TensorView& grad_out,
                            const TensorView& in, const TensorView& rstd, const TensorView* weight);

  // Batch normalisation works on 3-d views [N, C, spatial] of any strides, with per-channel vectors [C].
  // The mean and the biased variance of each channel.
  void (*batch_norm_statistics)(const TensorView& mean, const TensorView& var, const TensorView& in);
  // out = (in - mean) * rstd * weight + bias.
  void (*batch_norm)(const TensorView& out, const TensorView& in, const TensorView& mean, const TensorView& rstd,
                     const TensorView* weight, const TensorView* bias);
  // Each gradient may be null. `training`: mean and rstd are the batch's own, so gradients flow through them.
  void (*batch_norm_backward)(const TensorView* grad_in, const TensorView* grad_weight, const TensorView* grad_bias,
                              const TensorView& grad_out, const TensorView& in, const TensorView& mean,
                              const TensorView& rstd, const TensorView* weight, bool training);
};

}  // namespace tenon
