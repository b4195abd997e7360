// Pooling on the CPU, one plane after another; planes are independent and run in parallel.
#include <algorithm>
#include <cmath>
#include <type_traits>

#include "backend/backend.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/wrapping.h"
#include "tenon/base/parallel.h"

namespace tenon::cpu {
namespace {

// Windows that one piece of a parallel loop should at least hold.
constexpr int64_t kPieceWindows = 4096;

template <class T>
bool is_nan(T value) {
  if constexpr (std::is_floating_point_v<T>) return std::isnan(value);
  return false;
}

// Calls visit(o, i0, i1, i2) for each window of a plane in order: its place in the output and its index in each dim.
template <class Visit>
void for_each_window(const PoolGeometry& g, Visit visit) {
  int64_t o = 0;
  for (int64_t i0 = 0; i0 < g.dims[0].out; ++i0) {
    for (int64_t i1 = 0; i1 < g.dims[1].out; ++i1) {
      for (int64_t i2 = 0; i2 < g.dims[2].out; ++i2) visit(o++, i0, i1, i2);
    }
  }
}

// Calls visit(position in the plane) for each element of a window in order.
template <class Visit>
void for_each_element(const PoolGeometry& g, int64_t i0, int64_t i1, int64_t i2, Visit visit) {
  const auto& [d0, d1, d2] = g.dims;
  for (int64_t a = d0.start[i0]; a < d0.end[i0]; a += d0.step) {
    for (int64_t b = d1.start[i1]; b < d1.end[i1]; b += d1.step) {
      const int64_t row = (a * d1.in + b) * d2.in;
      for (int64_t c = d2.start[i2]; c < d2.end[i2]; c += d2.step) visit(row + c);
    }
  }
}

template <class T>
T divisor_of(const PoolGeometry& g, int64_t i0, int64_t i1, int64_t i2) {
  if (g.divisor != 0) return static_cast<T>(g.divisor);
  return static_cast<T>(g.dims[0].extent[i0] * g.dims[1].extent[i1] * g.dims[2].extent[i2]);
}

// Calls body(plane) for every plane.
template <class Body>
void for_each_plane(const PoolGeometry& g, Body body) {
  const int64_t grain = std::max<int64_t>(1, kPieceWindows / std::max<int64_t>(1, g.out_plane()));
  parallel_for(0, g.planes, grain, [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) body(plane);
  });
}

template <class T>
void max_of(const TensorView& y, const TensorView& indices, const TensorView& x, const PoolGeometry& g) {
  for_each_plane(g, [&](int64_t plane) {
    const T* in = x.as<const T>() + plane * g.in_plane();
    T* out = y.as<T>() + plane * g.out_plane();
    int64_t* found = indices.as<int64_t>() + plane * g.out_plane();
    for_each_window(g, [&](int64_t o, int64_t i0, int64_t i1, int64_t i2) {
      int64_t where = (g.dims[0].start[i0] * g.dims[1].in + g.dims[1].start[i1]) * g.dims[2].in + g.dims[2].start[i2];
      // Nobody can predict where the largest is: the place is chosen without a branch.
      for_each_element(g, i0, i1, i2, [&](int64_t i) {
        const int64_t larger = static_cast<int64_t>(in[i] > in[where]) | static_cast<int64_t>(is_nan(in[i]));
        where ^= (where ^ i) & -larger;
      });
      out[o] = in[where];
      found[o] = where;
    });
  });
}

template <class T>
void mean_of(const TensorView& y, const TensorView& x, const PoolGeometry& g) {
  for_each_plane(g, [&](int64_t plane) {
    const T* in = x.as<const T>() + plane * g.in_plane();
    T* out = y.as<T>() + plane * g.out_plane();
    for_each_window(g, [&](int64_t o, int64_t i0, int64_t i1, int64_t i2) {
      T sum = 0;
      for_each_element(g, i0, i1, i2, [&](int64_t i) { sum = wrapping_sum(sum, in[i]); });
      out[o] = wrapping_quotient(sum, divisor_of<T>(g, i0, i1, i2));
    });
  });
}

template <class T>
void mean_gradient_of(const TensorView& gx, const TensorView& gy, const PoolGeometry& g) {
  for_each_plane(g, [&](int64_t plane) {
    T* in = gx.as<T>() + plane * g.in_plane();
    const T* out = gy.as<const T>() + plane * g.out_plane();
    std::fill_n(in, g.in_plane(), T(0));
    for_each_window(g, [&](int64_t o, int64_t i0, int64_t i1, int64_t i2) {
      const T share = wrapping_quotient(out[o], divisor_of<T>(g, i0, i1, i2));
      for_each_element(g, i0, i1, i2, [&](int64_t i) { in[i] = wrapping_sum(in[i], share); });
    });
  });
}

// Calls body(T()) with the element type of a view.
template <class Body>
void with_type(const TensorView& x, Body body) {
  if (x.dtype == kFloat) {
    body(float());
  } else if (x.dtype == kDouble) {
    body(double());
  } else {
    body(int64_t());
  }
}

void max(const TensorView& y, const TensorView& indices, const TensorView& x, const PoolGeometry& g) {
  with_type(x, [&](auto zero) { max_of<decltype(zero)>(y, indices, x, g); });
}

void mean(const TensorView& y, const TensorView& x, const PoolGeometry& g) {
  with_type(x, [&](auto zero) { mean_of<decltype(zero)>(y, x, g); });
}

void mean_gradient(const TensorView& gx, const TensorView& gy, const PoolGeometry& g) {
  with_type(gy, [&](auto zero) { mean_gradient_of<decltype(zero)>(gx, gy, g); });
}

}  // namespace

const PoolKernels& pool_table() {
  static const PoolKernels kernels = {max, mean, mean_gradient};
  return kernels;
}

}  // namespace tenon::cpu
