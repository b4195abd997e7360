// Convolution as matrix products over unfolded input: each output position's receptive field becomes a column.
// A kernel of one element with unit stride and no padding needs no unfolding.
#include <algorithm>
#include <cstring>
#include <vector>

#include "backend/backend.h"
#include "backend/cpu/kernels.h"
#include "tenon/base/parallel.h"

namespace tenon::cpu {
namespace {

// Integers wrap around.
template <class T>
T plus(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<std::make_unsigned_t<T>>(a) + static_cast<std::make_unsigned_t<T>>(b));
  } else {
    return a + b;
  }
}

// Positions o of a kernel tap for which o * stride + offset falls inside [0, size).
struct Span {
  int64_t begin, end;
};

Span inside(int64_t offset, int64_t stride, int64_t size, int64_t count) {
  const int64_t begin = offset >= 0 ? 0 : (-offset - 1) / stride + 1;
  const int64_t end = offset >= size ? 0 : (size - 1 - offset) / stride + 1;
  return {std::min(begin, count), std::clamp(end, std::min(begin, count), count)};
}

bool needs_no_unfolding(const ConvGeometry& g) {
  return g.kernel_size() == 1 && g.stride == std::array<int64_t, 3>{1, 1, 1} &&
         g.padding == std::array<int64_t, 3>{0, 0, 0};
}

// Calls visit(row, tap offsets) for each row of the column matrix of `channels` channels.
template <class Visit>
void for_each_tap(const ConvGeometry& g, int64_t channels, Visit visit) {
  int64_t row = 0;
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t i = 0; i < g.kernel[0]; ++i) {
      for (int64_t j = 0; j < g.kernel[1]; ++j) {
        for (int64_t k = 0; k < g.kernel[2]; ++k) {
          visit(row++, c, std::array<int64_t, 3>{i * g.dilation[0] - g.padding[0], j * g.dilation[1] - g.padding[1],
                                                 k * g.dilation[2] - g.padding[2]});
        }
      }
    }
  }
}

// Where the line of an image begins that position (d, h) of a tap of channel c falls into. Offsets are added to
// positions before anything else, since each may be far outside of the image that their sum is in.
int64_t line_start(const ConvGeometry& g, int64_t c, int64_t d, int64_t h, std::array<int64_t, 3> at) {
  return ((c * g.in[0] + (d * g.stride[0] + at[0])) * g.in[1] + (h * g.stride[1] + at[1])) * g.in[2];
}

// columns[channels * kernel, out_plane] from one sample's channels.
template <class T>
void unfold(T* columns, const T* x, const ConvGeometry& g, int64_t channels) {
  for_each_tap(g, channels, [&](int64_t row, int64_t c, std::array<int64_t, 3> at) {
    T* out = columns + row * g.out_plane();
    const Span depth = inside(at[0], g.stride[0], g.in[0], g.out[0]);
    const Span height = inside(at[1], g.stride[1], g.in[1], g.out[1]);
    const Span width = inside(at[2], g.stride[2], g.in[2], g.out[2]);
    for (int64_t d = 0; d < g.out[0]; ++d) {
      for (int64_t h = 0; h < g.out[1]; ++h, out += g.out[2]) {
        if (d < depth.begin || d >= depth.end || h < height.begin || h >= height.end || width.begin == width.end) {
          std::fill_n(out, g.out[2], T());
          continue;
        }
        const T* line = x + line_start(g, c, d, h, at);
        std::fill_n(out, width.begin, T());
        if (g.stride[2] == 1) {
          std::copy_n(line + (width.begin + at[2]), width.end - width.begin, out + width.begin);
        } else {
          for (int64_t w = width.begin; w < width.end; ++w) out[w] = line[w * g.stride[2] + at[2]];
        }
        std::fill_n(out + width.end, g.out[2] - width.end, T());
      }
    }
  });
}

// Adds columns back into one sample's channels: the transpose of unfold.
template <class T>
void fold(T* x, const T* columns, const ConvGeometry& g, int64_t channels) {
  for_each_tap(g, channels, [&](int64_t row, int64_t c, std::array<int64_t, 3> at) {
    const T* in = columns + row * g.out_plane();
    const Span depth = inside(at[0], g.stride[0], g.in[0], g.out[0]);
    const Span height = inside(at[1], g.stride[1], g.in[1], g.out[1]);
    const Span width = inside(at[2], g.stride[2], g.in[2], g.out[2]);
    for (int64_t d = depth.begin; d < depth.end; ++d) {
      for (int64_t h = height.begin; h < height.end; ++h) {
        T* line = x + line_start(g, c, d, h, at);
        const T* source = in + (d * g.out[1] + h) * g.out[2];
        for (int64_t w = width.begin; w < width.end; ++w) {
          T& element = line[w * g.stride[2] + at[2]];
          element = plus(element, source[w]);
        }
      }
    }
  });
}

// Strides of a row-major 3-d view.
struct Matrices {
  std::array<int64_t, 3> sizes, strides;
  TensorView view;

  Matrices(void* data, ScalarType dtype, std::array<int64_t, 3> sizes_, bool transpose = false)
      : sizes(sizes_), strides{sizes_[1] * sizes_[2], sizes_[2], 1} {
    if (transpose) {
      std::swap(sizes[1], sizes[2]);
      std::swap(strides[1], strides[2]);
    }
    view = {data, dtype, sizes, strides};
  }
};

template <class T>
void product(T* out, const Matrices& a, const Matrices& b, bool accumulate) {
  Matrices result(out, dtype_v<T>, {a.sizes[0], a.sizes[1], b.sizes[2]});
  matmul_table().matmul(result.view, a.view, b.view, 1, accumulate ? 1 : 0, nullptr);
}

template <class T>
class Conv {
 public:
  explicit Conv(const ConvGeometry& geometry)
      : g_(geometry), plain_(needs_no_unfolding(geometry)), in_group_(g_.in_channels / g_.groups),
        out_group_(g_.out_channels / g_.groups), taps_(in_group_ * g_.kernel_size()) {}

  void forward(T* y, const T* x, const T* w, const T* bias) const {
    parallel_for(0, g_.batch, 1, [&](int64_t begin, int64_t end) {
      std::vector<T> columns(column_count());
      for (int64_t n = begin; n < end; ++n) {
        T* sample_y = y + n * g_.out_channels * g_.out_plane();
        const T* cols = unfolded(columns, x + n * g_.in_channels * g_.in_plane());
        product(sample_y, weights(w, false), column_matrices(cols, false), false);
        for (int64_t c = 0; bias && c < g_.out_channels; ++c) {
          T* plane = sample_y + c * g_.out_plane();
          for (int64_t i = 0; i < g_.out_plane(); ++i) plane[i] = plus(plane[i], bias[c]);
        }
      }
    });
  }

  void input_gradient(T* gx, const T* gy, const T* w) const {
    parallel_for(0, g_.batch, 1, [&](int64_t begin, int64_t end) {
      std::vector<T> columns(column_count());
      for (int64_t n = begin; n < end; ++n) {
        T* sample_gx = gx + n * g_.in_channels * g_.in_plane();
        T* target = plain_ ? sample_gx : columns.data();
        product(target, weights(w, true), outputs(gy + n * g_.out_channels * g_.out_plane()), false);
        if (plain_) continue;
        std::fill_n(sample_gx, g_.in_channels * g_.in_plane(), T());
        fold(sample_gx, columns.data(), g_, g_.in_channels);
      }
    });
  }

  // Samples add up in their order, whatever the number of threads.
  void weight_gradient(T* gw, const T* gy, const T* x) const {
    if (g_.batch == 0) std::fill_n(gw, g_.out_channels * taps_, T());
    std::vector<T> columns(column_count());
    for (int64_t n = 0; n < g_.batch; ++n) {
      const T* cols = unfolded(columns, x + n * g_.in_channels * g_.in_plane());
      product(gw, outputs(gy + n * g_.out_channels * g_.out_plane()), column_matrices(cols, true), n > 0);
    }
  }

 private:
  size_t column_count() const { return plain_ ? 0 : static_cast<size_t>(g_.groups * taps_ * g_.out_plane()); }
  const T* unfolded(std::vector<T>& columns, const T* sample) const {
    if (plain_) return sample;
    unfold(columns.data(), sample, g_, g_.in_channels);
    return columns.data();
  }
  Matrices weights(const T* w, bool transpose) const {
    return {const_cast<T*>(w), dtype_v<T>, {g_.groups, out_group_, taps_}, transpose};
  }
  Matrices column_matrices(const T* columns, bool transpose) const {
    return {const_cast<T*>(columns), dtype_v<T>, {g_.groups, taps_, g_.out_plane()}, transpose};
  }
  Matrices outputs(const T* y) const {
    return {const_cast<T*>(y), dtype_v<T>, {g_.groups, out_group_, g_.out_plane()}};
  }

  const ConvGeometry& g_;
  bool plain_;
  int64_t in_group_, out_group_, taps_;
};

// Half types convert to float before they get here.
template <class Visit>
void visit_conv_dtype(ScalarType dtype, Visit visit) {
  switch (dtype) {
    case kFloat: return visit(float());
    case kDouble: return visit(double());
    case kLong: return visit(int64_t());
    case kComplexFloat: return visit(std::complex<float>());
    case kComplexDouble: return visit(std::complex<double>());
    default: detail::fail<TypeError>("convolution: not implemented for ", dtype, " tensors");
  }
}

void forward(const TensorView& y, const TensorView& x, const TensorView& w, const TensorView* bias,
             const ConvGeometry& g) {
  visit_conv_dtype(y.dtype, [&](auto zero) {
    using T = decltype(zero);
    Conv<T>(g).forward(y.as<T>(), x.as<T>(), w.as<T>(), bias ? bias->as<T>() : nullptr);
  });
}

void input_gradient(const TensorView& gx, const TensorView& gy, const TensorView& w, const ConvGeometry& g) {
  visit_conv_dtype(gx.dtype, [&](auto zero) {
    using T = decltype(zero);
    Conv<T>(g).input_gradient(gx.as<T>(), gy.as<T>(), w.as<T>());
  });
}

void weight_gradient(const TensorView& gw, const TensorView& gy, const TensorView& x, const ConvGeometry& g) {
  visit_conv_dtype(gw.dtype, [&](auto zero) {
    using T = decltype(zero);
    Conv<T>(g).weight_gradient(gw.as<T>(), gy.as<T>(), x.as<T>());
  });
}

}  // namespace

const ConvKernels& conv_table() {
  static constexpr ConvKernels table{&forward, &input_gradient, &weight_gradient};
  return table;
}

}  // namespace tenon::cpu
