// Convolution. For any dtype and geometry: matrix products over unfolded input, sample by sample, in which each output
// position's receptive field is a column. Columns are unfolded in blocks, so that they take little memory however large
// kernel and image are. Real numbers mostly take the faster way of conv_product.h.
#include <algorithm>

#include "backend/backend.h"
#include "backend/cpu/conv_product.h"
#include "backend/cpu/conv_taps.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/scratch.h"
#include "backend/cpu/wrapping.h"
#include "tenon/base/parallel.h"

namespace tenon::cpu {
namespace {

// What a block of columns takes at most, unless a few columns take more.
constexpr int64_t kBlockBytes = int64_t{16} << 20;
constexpr int64_t kLeastColumns = 8;
// Numbers that are worth a task of their own when they are moved.
constexpr int64_t kMovedByTask = 1 << 15;

// Neighbouring output positions of one line: (d, h, w) for w in [begin, end).
struct Run {
  int64_t d, h, begin, end;
};

// Calls visit(run) for positions [begin, end) of an output plane, line by line.
template <class Visit>
void for_each_run(const ConvGeometry& g, int64_t begin, int64_t end, Visit visit) {
  const int64_t line = begin / g.out[2];
  Run run{line / g.out[1], line % g.out[1], begin % g.out[2], 0};
  for (int64_t left = end - begin; left > 0; left -= run.end - run.begin, run.begin = 0) {
    if (run.h == g.out[1]) run.h = 0, ++run.d;
    run.end = std::min(g.out[2], run.begin + left);
    visit(run);
    ++run.h;
  }
}

// One row of the column matrix: what one element of the kernel meets in one channel.
struct Tap {
  int64_t channel;
  std::array<int64_t, 3> at;
  Span within[3];

  // The positions of the run that meet the image rather than its padding.
  Span inside(const Run& run) const {
    const auto [depth, height, width] = within;
    if (run.d < depth.begin || run.d >= depth.end || run.h < height.begin || run.h >= height.end) {
      return {run.end, run.end};
    }
    return {std::clamp(width.begin, run.begin, run.end), std::clamp(width.end, run.begin, run.end)};
  }

  // The place in the image of position w of the run. Offsets are added to positions before anything else, since each
  // may be far outside of the image that their sum is in.
  int64_t place(const ConvGeometry& g, const Run& run, int64_t w) const {
    return ((channel * g.in[0] + (run.d * g.stride[0] + at[0])) * g.in[1] + (run.h * g.stride[1] + at[1])) * g.in[2] +
           (w * g.stride[2] + at[2]);
  }
};

// Calls visit(row, tap) for rows [begin, end) of the column matrix.
template <class Visit>
void for_each_tap(const ConvGeometry& g, int64_t begin, int64_t end, Visit visit) {
  for (int64_t row = begin; row < end; ++row) {
    const int64_t line = row / g.kernel[2], plane = line / g.kernel[1];
    const std::array<int64_t, 3> place = {plane % g.kernel[0], line % g.kernel[1], row % g.kernel[2]};
    Tap tap{plane / g.kernel[0], {}, {}};
    for (size_t d = 0; d < 3; ++d) {
      tap.at[d] = place[d] * g.dilation[d] - g.padding[d];
      tap.within[d] = positions_inside(tap.at[d], g.stride[d], g.in[d], g.out[d]);
    }
    visit(row, tap);
  }
}

// A row of columns.
template <class T>
void unfold_tap(T* out, const T* x, const ConvGeometry& g, const Tap& tap, int64_t begin, int64_t end) {
  for_each_run(g, begin, end, [&](const Run& run) {
    const auto [first, last] = tap.inside(run);
    out = std::fill_n(out, first - run.begin, T());
    if (first < last) {
      const T* in = x + tap.place(g, run, first);
      if (g.stride[2] == 1) {
        out = std::copy_n(in, last - first, out);
      } else {
        for (int64_t w = first; w < last; ++w, in += g.stride[2]) *out++ = *in;
      }
    }
    out = std::fill_n(out, run.end - last, T());
  });
}

// The rows of columns for positions [begin, end), one per tap of one sample's channels.
template <class T>
void unfold(T* columns, const T* x, const ConvGeometry& g, int64_t begin, int64_t end) {
  const int64_t taps = g.in_channels * g.kernel_size();
  parallel_for(0, taps, std::max<int64_t>(1, kMovedByTask / (end - begin)), [&](int64_t first_tap, int64_t last_tap) {
    for_each_tap(g, first_tap, last_tap, [&](int64_t row, const Tap& tap) {
      unfold_tap(columns + row * (end - begin), x, g, tap, begin, end);
    });
  });
}

// Adds columns back into one sample's channels: the transpose of unfold.
template <class T>
void fold(T* x, const T* columns, const ConvGeometry& g, int64_t begin, int64_t end) {
  for_each_tap(g, 0, g.in_channels * g.kernel_size(), [&](int64_t row, const Tap& tap) {
    const T* in = columns + row * (end - begin);
    for_each_run(g, begin, end, [&](const Run& run) {
      const auto [first, last] = tap.inside(run);
      if (first < last) {
        T* element = x + tap.place(g, run, first);
        const T* source = in + (first - run.begin);
        for (int64_t w = first; w < last; ++w, element += g.stride[2]) *element = wrapping_sum(*element, *source++);
      }
      in += run.end - run.begin;
    });
  });
}

// The 3-d view of matrices whose rows are `row_stride` apart.
struct Matrices {
  std::array<int64_t, 3> sizes, strides;
  TensorView view;

  Matrices(void* data, ScalarType dtype, std::array<int64_t, 3> sizes_, int64_t row_stride, bool transpose = false)
      : sizes(sizes_), strides{sizes_[1] * row_stride, row_stride, 1} {
    if (transpose) {
      std::swap(sizes[1], sizes[2]);
      std::swap(strides[1], strides[2]);
    }
    view = {data, dtype, sizes, strides};
  }
  Matrices(const Matrices&) = delete;
};

void product(const Matrices& out, const Matrices& a, const Matrices& b, bool accumulate) {
  matmul_table().matmul(out.view, a.view, b.view, 1, accumulate ? 1 : 0, nullptr);
}

template <class T>
class Conv {
 public:
  explicit Conv(const ConvGeometry& geometry)
      : g_(geometry),
        plain_(is_plain(g_)),
        in_group_(g_.in_channels / g_.groups),
        out_group_(g_.out_channels / g_.groups) {}

  void forward(T* y, const T* x, const T* w) const {
    for_each_sample([&](int64_t n, T* room) {
      for_each_block([&](int64_t begin, int64_t end) {
        product(outputs(sample_out(y, n), begin, end), weight_matrices(w, false),
                column_matrices(columns(room, sample_in(x, n), begin, end), end - begin, false), false);
      });
    });
  }

  void input_gradient(T* gx, const T* gy, const T* w) const {
    for_each_sample([&](int64_t n, T* room) {
      T* into = sample_in(gx, n);
      if (!plain_) std::fill_n(into, g_.in_channels * g_.in_plane(), T());
      for_each_block([&](int64_t begin, int64_t end) {
        T* cols = plain_ ? into : room;
        product(column_matrices(cols, end - begin, false), weight_matrices(w, true),
                outputs(sample_out(gy, n), begin, end), false);
        if (!plain_) fold(into, cols, g_, begin, end);
      });
    });
  }

  // Samples add up in their order, whatever the number of threads.
  void weight_gradient(T* gw, const T* gy, const T* x) const {
    const Scratch room(column_bytes());
    for (int64_t n = 0; n < g_.batch; ++n) {
      for_each_block([&](int64_t begin, int64_t end) {
        const T* cols = columns(room.as<T>(), sample_in(x, n), begin, end);
        product(weight_matrices(gw, false), outputs(sample_out(gy, n), begin, end),
                column_matrices(cols, end - begin, true), n > 0 || begin > 0);
      });
    }
  }

 private:
  int64_t taps() const { return in_group_ * g_.kernel_size(); }
  // Calls body(n, room) for every sample, with room for a block of columns.
  template <class Body>
  void for_each_sample(Body body) const {
    parallel_for(0, g_.batch, 1, [&](int64_t begin, int64_t end) {
      const Scratch room(column_bytes());
      for (int64_t n = begin; n < end; ++n) body(n, room.as<T>());
    });
  }
  // Calls body(begin, end) for the blocks of an output plane.
  template <class Body>
  void for_each_block(Body body) const {
    const int64_t step = block_columns();
    for (int64_t begin = 0; begin < g_.out_plane(); begin += step) body(begin, std::min(begin + step, g_.out_plane()));
  }
  // The columns of a block of a sample.
  const T* columns(T* room, const T* sample, int64_t begin, int64_t end) const {
    if (plain_) return sample;
    unfold(room, sample, g_, begin, end);
    return room;
  }
  int64_t block_columns() const {
    if (plain_) return g_.out_plane();
    const int64_t column = g_.groups * taps() * static_cast<int64_t>(sizeof(T));
    return std::min(g_.out_plane(), std::max(kBlockBytes / column, kLeastColumns));
  }
  size_t column_bytes() const {
    return plain_ ? 0 : static_cast<size_t>(g_.groups * taps() * block_columns()) * sizeof(T);
  }
  template <class U>
  U* sample_in(U* x, int64_t n) const {
    return x + n * g_.in_channels * g_.in_plane();
  }
  template <class U>
  U* sample_out(U* y, int64_t n) const {
    return y + n * g_.out_channels * g_.out_plane();
  }
  Matrices weight_matrices(const T* w, bool transpose) const {
    return {const_cast<T*>(w), dtype_v<T>, {g_.groups, out_group_, taps()}, taps(), transpose};
  }
  Matrices column_matrices(const T* columns, int64_t count, bool transpose) const {
    return {const_cast<T*>(columns), dtype_v<T>, {g_.groups, taps(), count}, count, transpose};
  }
  Matrices outputs(const T* y, int64_t begin, int64_t end) const {
    return {const_cast<T*>(y) + begin, dtype_v<T>, {g_.groups, out_group_, end - begin}, g_.out_plane()};
  }

  const ConvGeometry& g_;
  const bool plain_;
  const int64_t in_group_, out_group_;
};

// Half types convert to float before they get here.
template <class Visit>
void visit_conv_dtype(ScalarType dtype, Visit visit) {
  switch (dtype) {
    case kFloat:
      return visit(float());
    case kDouble:
      return visit(double());
    case kLong:
      return visit(int64_t());
    case kComplexFloat:
      return visit(std::complex<float>());
    case kComplexDouble:
      return visit(std::complex<double>());
    default:
      detail::fail<TypeError>("convolution: not implemented for ", dtype, " tensors");
  }
}

void forward(const TensorView& y, const TensorView& x, const TensorView& w, const ConvGeometry& g) {
  visit_conv_dtype(y.dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_floating_point_v<T>) {
      if (conv_forward(y.as<T>(), x.as<T>(), w.as<T>(), g)) return;
    }
    Conv<T>(g).forward(y.as<T>(), x.as<T>(), w.as<T>());
  });
}

void input_gradient(const TensorView& gx, const TensorView& gy, const TensorView& w, const ConvGeometry& g) {
  visit_conv_dtype(gx.dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_floating_point_v<T>) {
      if (conv_input_gradient(gx.as<T>(), gy.as<T>(), w.as<T>(), g)) return;
    }
    Conv<T>(g).input_gradient(gx.as<T>(), gy.as<T>(), w.as<T>());
  });
}

void weight_gradient(const TensorView& gw, const TensorView& gy, const TensorView& x, const ConvGeometry& g) {
  visit_conv_dtype(gw.dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_floating_point_v<T>) {
      if (conv_weight_gradient(gw.as<T>(), gy.as<T>(), x.as<T>(), g)) return;
    }
    Conv<T>(g).weight_gradient(gw.as<T>(), gy.as<T>(), x.as<T>());
  });
}

}  // namespace

const ConvKernels& conv_table() {
  static constexpr ConvKernels table{&forward, &input_gradient, &weight_gradient};
  return table;
}

}  // namespace tenon::cpu
