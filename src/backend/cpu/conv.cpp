// Convolution as matrix products over unfolded input: each output position's receptive field becomes a column.
// A kernel of one element with unit stride and no padding needs no unfolding where the output is as large as the input.
// Columns are unfolded in blocks, so that they take little memory however large kernel and image are.
//
// The elements of a kernel along its first dim meet the same lines of the image, one line further for the next output
// line. So the image is unfolded along the other dims alone where that serves, and there is a product for every step
// along the first dim, whose columns begin so many lines later: a third of the columns for a kernel of 3x3.
#include <algorithm>
#include <optional>

#include "backend/backend.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/scratch.h"
#include "backend/cpu/wrapping.h"
#include "tenon/base/parallel.h"

namespace tenon::cpu {
namespace {

// What a block of columns takes at most, unless a few columns take more.
constexpr int64_t kBlockBytes = int64_t{16} << 20;
constexpr int64_t kLeastColumns = 8;
// What columns that steps share take at best: they stay in the caches.
constexpr int64_t kSharedBytes = int64_t{768} << 10;
// Products of fewer terms than this, or weights in another order for fewer positions than this, cost more than they
// save.
constexpr int64_t kLeastDepth = 16;
constexpr int64_t kLeastPositions = 128;
// Numbers that are worth a task of their own when they are moved.
constexpr int64_t kMovedByTask = 1 << 15;

// Positions in [begin, end).
struct Span {
  int64_t begin, end;
};

// Positions o of a kernel tap for which o * stride + offset falls inside [0, size).
Span inside(int64_t offset, int64_t stride, int64_t size, int64_t count) {
  const int64_t begin = offset >= 0 ? 0 : (-offset - 1) / stride + 1;
  const int64_t end = offset >= size ? 0 : (size - 1 - offset) / stride + 1;
  return {std::min(begin, count), std::clamp(end, std::min(begin, count), count)};
}

bool needs_no_unfolding(const ConvGeometry& g) {
  return g.kernel_size() == 1 && g.in == g.out && g.stride == std::array<int64_t, 3>{1, 1, 1} &&
         g.padding == std::array<int64_t, 3>{0, 0, 0};
}

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
      tap.within[d] = inside(tap.at[d], g.stride[d], g.in[d], g.out[d]);
    }
    visit(row, tap);
  }
}

// Whether neighbouring output positions meet neighbours in the image, across the ends of lines too.
bool keeps_lines(const ConvGeometry& g) {
  return g.stride == std::array<int64_t, 3>{1, 1, 1} && g.in[1] == g.out[1] && g.in[2] == g.out[2];
}

// A row of columns where the lines are kept: a stretch of the image, but for what meets padding.
template <class T>
void unfold_tap_by_plane(T* out, const T* x, const ConvGeometry& g, const Tap& tap, int64_t begin, int64_t end) {
  const auto [depth, height, width] = tap.within;
  const Run first{depth.begin, height.begin, width.begin, 0}, last{depth.end - 1, height.end - 1, width.end - 1, 0};
  const auto position = [&g](const Run& at) { return (at.d * g.out[1] + at.h) * g.out[2] + at.begin; };
  const bool is_empty = depth.begin >= depth.end || height.begin >= height.end || width.begin >= width.end;
  const int64_t from = is_empty ? end : std::clamp(position(first), begin, end);
  const int64_t to = is_empty ? end : std::clamp(position(last) + 1, from, end);
  std::fill_n(out, from - begin, T());
  if (from < to) {
    std::copy_n(x + tap.place(g, first, first.begin) + (from - position(first)), to - from, out + (from - begin));
  }
  std::fill_n(out + (to - begin), end - to, T());
  if (height.end - height.begin == g.out[1] && width.end - width.begin == g.out[2]) return;
  for_each_run(g, from, to, [&](const Run& run) {
    const auto [inside, outside] = tap.inside(run);
    T* const line = out + (position(run) - begin) - run.begin;
    for (int64_t w = run.begin; w < inside; ++w) line[w] = T();
    for (int64_t w = outside; w < run.end; ++w) line[w] = T();
  });
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

// The rows of columns for positions [begin, end), one per tap of one sample's channels, `row_stride` apart.
template <class T>
void unfold(T* columns, int64_t row_stride, const T* x, const ConvGeometry& g, int64_t begin, int64_t end) {
  const int64_t taps = g.in_channels * g.kernel_size();
  const auto unfold_one = keeps_lines(g) ? &unfold_tap_by_plane<T> : &unfold_tap<T>;
  parallel_for(0, taps, std::max<int64_t>(1, kMovedByTask / (end - begin)), [&](int64_t first_tap, int64_t last_tap) {
    for_each_tap(g, first_tap, last_tap,
                 [&](int64_t row, const Tap& tap) { unfold_one(columns + row * row_stride, x, g, tap, begin, end); });
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

// The geometry with its first dim that is no single point in front, which moves no element.
ConvGeometry with_leading_dim(ConvGeometry g) {
  if (g.in[0] == 1 && g.kernel[0] == 1 && g.padding[0] == 0) {
    for (auto* of_dims : {&g.in, &g.out, &g.kernel, &g.stride, &g.padding, &g.dilation}) {
      std::swap((*of_dims)[0], (*of_dims)[1]);
    }
  }
  return g;
}

// How far a kernel reaches along a dim from its first element.
int64_t reach(const ConvGeometry& g, size_t dim) { return (g.kernel[dim] - 1) * g.dilation[dim]; }

// The convolution that takes the gradient of an output to that of the input: with the kernel mirrored and the channels
// exchanged. There is none for strides, nor for an input that ends after its last use.
std::optional<ConvGeometry> mirrored(const ConvGeometry& g) {
  ConvGeometry m = g;
  std::swap(m.in, m.out);
  std::swap(m.in_channels, m.out_channels);
  for (size_t d = 0; d < 3; ++d) {
    m.padding[d] = reach(g, d) - g.padding[d];
    if (g.stride[d] != 1 || m.padding[d] < 0 || g.in[d] != g.out[d] + reach(g, d) - 2 * g.padding[d]) return {};
  }
  return m;
}

template <class T>
class Conv {
 public:
  explicit Conv(const ConvGeometry& geometry)
      : g_(with_leading_dim(geometry)),
        plain_(needs_no_unfolding(g_)),
        in_group_(g_.in_channels / g_.groups),
        out_group_(g_.out_channels / g_.groups),
        line_(g_.out[1] * g_.out[2]) {}

  void forward(T* y, const T* x, const T* w) {
    share_lines();
    const Scratch room(weight_bytes());
    const T* weights = w;
    if (steps_ > 1) {
      weights = room.as<T>();
      move_weights(w, [to = room.as<T>()](const T& element, int64_t place) { to[place] = element; });
    }
    for_each_sample([&](int64_t n, T* columns) {
      for_each_block([&](int64_t begin, int64_t end) {
        for_each_step(columns, sample_in(x, n), begin, end, false, [&](int64_t step, const Matrices& cols) {
          product(outputs(sample_out(y, n), begin, end), weight_matrices(weights, step, false), cols, step > 0);
        });
      });
    });
  }

  void input_gradient(T* gx, const T* gy, const T* w) const {
    const auto mirror = mirrored(g_);
    // It computes for every element of the input what the transpose of unfolding does for every one of the output.
    const bool serves = g_.batch * g_.in_plane() >= kLeastPositions && g_.in_plane() <= 2 * g_.out_plane();
    if (!plain_ && mirror && serves) {
      const Scratch room(weight_bytes());
      mirror_weights(room.as<T>(), w);
      return Conv(*mirror).forward(gx, gy, room.as<T>());
    }
    for_each_sample([&](int64_t n, T* columns) {
      T* into = sample_in(gx, n);
      if (!plain_) std::fill_n(into, g_.in_channels * g_.in_plane(), T());
      for_each_block([&](int64_t begin, int64_t end) {
        T* cols = plain_ ? into : columns;
        product(column_matrices(cols, end - begin, end - begin, false), weight_matrices(w, 0, true),
                outputs(sample_out(gy, n), begin, end), false);
        if (!plain_) fold(into, cols, g_, begin, end);
      });
    });
  }

  // Samples add up in their order, whatever the number of threads.
  void weight_gradient(T* gw, const T* gy, const T* x) {
    if (g_.batch == 0) return std::fill_n(gw, g_.out_channels * taps(), T()), void();
    share_lines();
    const Scratch columns(column_bytes()), room(weight_bytes());
    T* sums = steps_ > 1 ? room.as<T>() : gw;
    for (int64_t n = 0; n < g_.batch; ++n) {
      for_each_block([&](int64_t begin, int64_t end) {
        for_each_step(columns.as<T>(), sample_in(x, n), begin, end, true, [&](int64_t step, const Matrices& cols) {
          product(weight_matrices(sums, step, false), outputs(sample_out(gy, n), begin, end), cols, n > 0 || begin > 0);
        });
      });
    }
    if (steps_ > 1) move_weights(gw, [sums](T& element, int64_t place) { element = sums[place]; });
  }

 private:
  // Decides whether the elements of a kernel along its first dim share columns.
  void share_lines() {
    const int64_t inner = in_group_ * g_.kernel[1] * g_.kernel[2], span = reach(g_, 0);
    const bool serves = g_.kernel[0] > 1 && g_.stride[0] <= g_.kernel[0] &&
                        (g_.stride[0] == 1 || g_.dilation[0] == 1) && span <= g_.out[0] && inner >= kLeastDepth &&
                        g_.batch * g_.out_plane() >= kLeastPositions && line_bytes() * (1 + span) <= kBlockBytes;
    if (!serves) return;
    steps_ = g_.kernel[0];
    extra_lines_ = span / g_.stride[0];
  }
  int64_t taps() const { return in_group_ * g_.kernel_size(); }
  // Rows of the columns of a step.
  int64_t depth() const { return taps() / steps_; }
  // Where lines of several strides are shared, each remainder has columns of its own.
  int64_t phases() const { return steps_ > 1 ? g_.stride[0] : 1; }
  int64_t line_bytes() const {
    return g_.in_channels * g_.kernel[1] * g_.kernel[2] * g_.stride[0] * line_ * static_cast<int64_t>(sizeof(T));
  }
  size_t weight_bytes() const { return static_cast<size_t>(g_.out_channels * taps()) * sizeof(T); }

  // Calls move(element, place) for the elements of weights and their places in those that are ordered by steps.
  template <class U, class Move>
  void move_weights(U* w, const Move& move) const {
    const int64_t inner = g_.kernel[1] * g_.kernel[2];
    parallel_for(0, g_.out_channels, std::max<int64_t>(1, kMovedByTask / taps()), [&](int64_t begin, int64_t end) {
      U* element = w + begin * taps();
      for (int64_t o = begin; o < end; ++o) {
        for (int64_t c = 0; c < in_group_; ++c) {
          for (int64_t step = 0; step < steps_; ++step) {
            const int64_t place = (step * g_.out_channels + o) * depth() + c * inner;
            for (int64_t i = 0; i < inner; ++i) move(*element++, place + i);
          }
        }
      }
    });
  }
  void mirror_weights(T* to, const T* w) const {
    const int64_t size = g_.kernel_size();
    parallel_for(0, g_.in_channels, std::max<int64_t>(1, kMovedByTask / (out_group_ * size)),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t c = begin; c < end; ++c) {
                     const int64_t group = c / in_group_;
                     const T* from = w + (group * out_group_ * in_group_ + c % in_group_) * size;
                     T* out = to + c * out_group_ * size;
                     for (int64_t o = 0; o < out_group_; ++o, from += in_group_ * size, out += size) {
                       std::reverse_copy(from, from + size, out);
                     }
                   }
                 });
  }

  // Calls body(n, columns) for every sample, with room for a block of columns.
  template <class Body>
  void for_each_sample(Body body) const {
    parallel_for(0, g_.batch, 1, [&](int64_t begin, int64_t end) {
      const Scratch columns(column_bytes());
      for (int64_t n = begin; n < end; ++n) body(n, columns.as<T>());
    });
  }
  // Calls body(begin, end) for the blocks of an output plane.
  template <class Body>
  void for_each_block(Body body) const {
    const int64_t step = block_columns();
    for (int64_t begin = 0; begin < g_.out_plane(); begin += step) body(begin, std::min(begin + step, g_.out_plane()));
  }
  // Calls visit(step, columns) for the matrices whose products with the weights of the steps are the outputs of
  // positions [begin, end).
  template <class Visit>
  void for_each_step(T* columns, const T* sample, int64_t begin, int64_t end, bool transpose, Visit visit) const {
    const int64_t count = end - begin;
    if (plain_) return visit(0, column_matrices(sample, count, count, transpose));
    const int64_t stride = row_stride(count), phase_size = g_.groups * depth() * stride;
    if (steps_ == 1) {
      unfold(columns, stride, sample, g_, begin, end);
      return visit(0, column_matrices(columns, count, stride, transpose));
    }
    ConvGeometry lines = g_;
    lines.kernel[0] = 1;
    lines.out[0] += extra_lines_;
    for (int64_t phase = 0; phase < phases(); ++phase) {
      lines.padding[0] = g_.padding[0] - phase;
      unfold(columns + phase * phase_size, stride, sample, lines, begin, end + extra_lines_ * line_);
    }
    for (int64_t step = 0; step < steps_; ++step) {
      const int64_t at = step * g_.dilation[0];
      const T* first = columns + at % g_.stride[0] * phase_size + at / g_.stride[0] * line_;
      visit(step, column_matrices(first, count, stride, transpose));
    }
  }
  int64_t block_columns() const {
    if (plain_) return g_.out_plane();
    if (steps_ > 1) {
      const int64_t lines = std::max(kSharedBytes / line_bytes() - extra_lines_, 2 * extra_lines_);
      const int64_t most = kBlockBytes / line_bytes() - extra_lines_;
      return std::min(g_.out_plane(), std::max<int64_t>(std::min(lines, most), 1) * line_);
    }
    const int64_t column = g_.groups * taps() * static_cast<int64_t>(sizeof(T));
    return std::min(g_.out_plane(), std::max(kBlockBytes / column, kLeastColumns));
  }
  // Of the columns of a block. Rows that are a multiple of a page apart would share few places of the caches.
  int64_t row_stride(int64_t count) const {
    constexpr int64_t kCacheLine = 64 / sizeof(T) > 0 ? 64 / sizeof(T) : 1;
    if (steps_ == 1) return count;
    const int64_t lines = (count + extra_lines_ * line_ + kCacheLine - 1) / kCacheLine;
    return (lines | 1) * kCacheLine;
  }
  size_t column_bytes() const {
    if (plain_) return 0;
    return static_cast<size_t>(phases() * g_.groups * depth() * row_stride(block_columns())) * sizeof(T);
  }
  template <class U>
  U* sample_in(U* x, int64_t n) const {
    return x + n * g_.in_channels * g_.in_plane();
  }
  template <class U>
  U* sample_out(U* y, int64_t n) const {
    return y + n * g_.out_channels * g_.out_plane();
  }
  Matrices weight_matrices(const T* w, int64_t step, bool transpose) const {
    return {const_cast<T*>(w) + step * g_.out_channels * depth(),
            dtype_v<T>,
            {g_.groups, out_group_, depth()},
            depth(),
            transpose};
  }
  Matrices column_matrices(const T* columns, int64_t count, int64_t stride, bool transpose) const {
    return {const_cast<T*>(columns), dtype_v<T>, {g_.groups, depth(), count}, stride, transpose};
  }
  Matrices outputs(const T* y, int64_t begin, int64_t end) const {
    return {const_cast<T*>(y) + begin, dtype_v<T>, {g_.groups, out_group_, end - begin}, g_.out_plane()};
  }

  const ConvGeometry g_;
  const bool plain_;
  const int64_t in_group_, out_group_, line_;
  int64_t steps_ = 1, extra_lines_ = 0;
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
    Conv<T>(g).forward(y.as<T>(), x.as<T>(), w.as<T>());
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
