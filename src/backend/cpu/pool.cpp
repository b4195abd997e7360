// Pooling on the CPU, one plane after another; planes are independent and run in parallel.
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "backend/backend.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/pool_lines.h"
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

// The first windows of the last dim that follow each other evenly.
EvenWindows even_windows(const PoolGeometry& g) {
  const PoolDim& dim = g.dims[2];
  const auto length = [&dim](int64_t i) { return dim.end[i] - dim.start[i]; };
  EvenWindows even{0, 0, 1};
  while (even.begin + 1 < dim.out && length(even.begin) < length(even.begin + 1)) ++even.begin;
  const int64_t first = even.begin;
  if (first + 1 < dim.out) even.stride = dim.start[first + 1] - dim.start[first];
  for (even.end = first; even.end < dim.out; ++even.end) {
    if (length(even.end) != length(first)) break;
    if (dim.start[even.end] != dim.start[first] + (even.end - first) * even.stride) break;
  }
  const bool serves = dim.step == 1 && (even.stride == 1 || even.stride == 2) && length(first) >= even.stride &&
                      g.in_plane() <= std::numeric_limits<int32_t>::max();
  return serves ? even : EvenWindows{0, 0, 1};
}

template <class T>
void max_of(const TensorView& y, const TensorView& indices, const TensorView& x, const PoolGeometry& g) {
  const EvenWindows even = std::is_same_v<T, float> ? even_windows(g) : EvenWindows{0, 0, 1};
  const PoolLineTable& lines = pool_lines();
  for_each_plane(g, [&](int64_t plane) {
    const T* in = x.as<const T>() + plane * g.in_plane();
    const auto one = [&](T* out, int64_t* found, int64_t i0, int64_t i1, int64_t i2) {
      int64_t where = (g.dims[0].start[i0] * g.dims[1].in + g.dims[1].start[i1]) * g.dims[2].in + g.dims[2].start[i2];
      // Nobody can predict where the largest is: the place is chosen without a branch.
      for_each_element(g, i0, i1, i2, [&](int64_t i) {
        const int64_t larger = static_cast<int64_t>(in[i] > in[where]) | static_cast<int64_t>(is_nan(in[i]));
        where ^= (where ^ i) & -larger;
      });
      out[i2] = in[where];
      found[i2] = where;
    };
    for (int64_t i0 = 0; i0 < g.dims[0].out; ++i0) {
      for (int64_t i1 = 0; i1 < g.dims[1].out; ++i1) {
        const int64_t line = (plane * g.dims[0].out + i0) * g.dims[1].out + i1;
        T* const out = y.as<T>() + line * g.dims[2].out;
        int64_t* const found = indices.as<int64_t>() + line * g.dims[2].out;
        int64_t done = even.begin;
        if constexpr (std::is_same_v<T, float>) {
          if (even.begin < even.end) done = lines.max(g, even, i0, i1, in, out, found);
        }
        for (int64_t i2 = 0; i2 < even.begin; ++i2) one(out, found, i0, i1, i2);
        for (int64_t i2 = done; i2 < g.dims[2].out; ++i2) one(out, found, i0, i1, i2);
      }
    }
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
