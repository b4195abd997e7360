// Convolution in one to three spatial dims, and its two gradients.
#pragma once

#include <array>

#include "backend/tensor_view.h"

namespace tenon {

// Missing spatial dims have size, kernel and stride one. Channels are per tensor, not per group.
struct ConvGeometry {
  int64_t batch, groups, in_channels, out_channels;
  std::array<int64_t, 3> in, out, kernel, stride, padding, dilation;

  static int64_t product(const std::array<int64_t, 3>& a) { return a[0] * a[1] * a[2]; }
  int64_t in_plane() const { return product(in); }
  int64_t out_plane() const { return product(out); }
  int64_t kernel_size() const { return product(kernel); }
};

// Contiguous views of one dtype: x [batch, in_channels, in...], y [batch, out_channels, out...],
// w [out_channels, in_channels / groups, kernel...].
struct ConvKernels {
  void (*forward)(const TensorView& y, const TensorView& x, const TensorView& w, const ConvGeometry& geometry);
  void (*input_gradient)(const TensorView& gx, const TensorView& gy, const TensorView& w, const ConvGeometry& geometry);
  void (*weight_gradient)(const TensorView& gw, const TensorView& gy, const TensorView& x,
                          const ConvGeometry& geometry);
};

}  // namespace tenon
