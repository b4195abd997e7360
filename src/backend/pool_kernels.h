// Pooling: the largest element, or the mean, of windows over up to three spatial dims. Depends on base alone.
#pragma once

#include <array>

#include "backend/tensor_view.h"

namespace tenon {

// The windows along one dim, which may differ in length: window i covers start[i], start[i] + step, ... below end[i],
// all inside [0, in). extent[i] is its length as a mean counts it.
struct PoolDim {
  int64_t in = 1, out = 1, step = 1;
  const int64_t* start = nullptr;
  const int64_t* end = nullptr;
  const int64_t* extent = nullptr;
};

// Missing spatial dims have one window of one element. A mean divides by `divisor`, or if zero by the product of
// extents.
struct PoolGeometry {
  int64_t planes;
  std::array<PoolDim, 3> dims;
  int64_t divisor;

  int64_t in_plane() const { return dims[0].in * dims[1].in * dims[2].in; }
  int64_t out_plane() const { return dims[0].out * dims[1].out * dims[2].out; }
};

// Contiguous views of float, double or int64: x [planes, in...], y [planes, out...]. No divisor is zero.
struct PoolKernels {
  // indices are int64 positions in the plane; a NaN is the largest. No window is empty.
  void (*max)(const TensorView& y, const TensorView& indices, const TensorView& x, const PoolGeometry& geometry);
  void (*mean)(const TensorView& y, const TensorView& x, const PoolGeometry& geometry);
  void (*mean_gradient)(const TensorView& gx, const TensorView& gy, const PoolGeometry& geometry);
};

}  // namespace tenon
