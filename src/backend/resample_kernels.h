// Resampling of images and volumes: by weights that are the same for every line of a dim, and at the places of a grid.
// Depends on base alone.
#pragma once

#include <array>

#include "backend/tensor_view.h"

namespace tenon {

// One dim as a sparse matrix: result i is the sum over k of weights[offset[i] + k] times element start[i] + k, for
// offset[i] + k below offset[i + 1]. A dim without start stays as it is.
struct ResampleDim {
  int64_t in = 1, out = 1;
  const int64_t* start = nullptr;
  const int64_t* offset = nullptr;
  const double* weights = nullptr;
};

// Each of the elements of a plane is `inner` numbers side by side: the channels where they come last, else one.
struct ResampleGeometry {
  int64_t planes;
  std::array<ResampleDim, 3> dims;
  int64_t inner;
};

enum class GridMode : uint8_t { Linear, Nearest, Cubic };
enum class GridPadding : uint8_t { Zeros, Border, Reflection };

// A grid has one place in [-1, 1] per point for each of `dims` dims, that of the last dim first.
struct GridGeometry {
  int64_t samples, channels, points;
  int dims;
  std::array<int64_t, 3> in;
  GridMode mode;
  GridPadding padding;
  bool align_corners;

  int64_t in_plane() const { return in[0] * in[1] * in[2]; }
};

// Contiguous views of float or double. A dim of a resampling, times inner, and a plane of a grid's input have fewer
// than 2^31 elements.
struct ResampleKernels {
  // y [planes, out..., inner] from x [planes, in..., inner], also of uint8, for which weights are rounded to 16 bits.
  void (*resample)(const TensorView& y, const TensorView& x, const ResampleGeometry& geometry);
};

struct GridKernels {
  // y [samples, channels, points] from x [samples, channels, in...] and grid [samples, points, dims].
  void (*sample)(const TensorView& y, const TensorView& x, const TensorView& grid, const GridGeometry& geometry);
  // The gradients of x, added to gx, and of the grid; either may be null.
  void (*gradient)(const TensorView* gx, const TensorView* ggrid, const TensorView& gy, const TensorView& x,
                   const TensorView& grid, const GridGeometry& geometry);
};

}  // namespace tenon
