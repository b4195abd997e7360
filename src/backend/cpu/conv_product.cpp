// The positions of all samples are cut into blocks. What a block reads of a few channels is copied into a window, whose
// pieces are the panels of the matrix product with the weights. How work is cut depends on the shapes alone.
#include "backend/cpu/conv_product.h"

#include <algorithm>
#include <numeric>
#include <type_traits>
#include <utility>
#include <vector>

#include "backend/cpu/conv_window.h"
#include "backend/cpu/gemm.h"
#include "backend/cpu/scratch.h"
#include "tenon/base/parallel.h"

namespace tenon::cpu {
namespace {

// A stretch of the sums whose panels stay in the nearer caches.
constexpr int64_t kDepthBytes = 1536;
// Positions of a block, and how many blocks there should be at least.
constexpr int64_t kLeastPositions = 192;
constexpr int64_t kMostPositions = 1024;
constexpr int64_t kBlocks = 16;
// Tasks that there should be at least, and the least rows of weights that are worth unfolding for once more.
constexpr int64_t kTasks = 8;
constexpr int64_t kTaskRows = 64;
// Sums of so many terms repay that a block goes by planes.
constexpr int64_t kLeastTerms = 192;
// Positions and taps of a part of a weight gradient.
constexpr int64_t kGradientPositions = 256;
constexpr int64_t kGradientTaps = 288;
// Fewer positions than this, or fewer output channels in a group, do not repay the packing of other things.
constexpr int64_t kFewPositions = 128;
constexpr int64_t kFewOutputs = 4;
constexpr int64_t kPlainPlane = 100;
// A window of more than so many times the input is not worth its room.
constexpr int64_t kMostPadding = 4;

const GemmKernels<float>& kernels(float) { return gemm_float(); }
const GemmKernels<double>& kernels(double) { return gemm_double(); }
const PackKernels<float>& packer(float) { return gemm_pack().from_float; }
const PackKernels<double>& packer(double) { return gemm_pack().from_double; }
const ConvCopies<float>& copies(float) { return conv_copies().of_float; }
const ConvCopies<double>& copies(double) { return conv_copies().of_double; }

// The taps of a dim in terms of the kernel's elements: tap t is element first + t * step.
struct Elements {
  int64_t first, step;
};

// The dims of a product over positions, and which elements of the kernel their taps are.
struct Taps {
  ConvDims dims;
  std::array<Elements, 3> elements;

  int64_t count() const { return dims[0].taps * dims[1].taps * dims[2].taps; }
  int64_t plane() const { return dims[0].out * dims[1].out * dims[2].out; }
  // Leaves out the first and last taps that meet nothing but padding.
  void trim() {
    for (size_t d = 0; d < 3; ++d) {
      auto& [in, out, stride, first, taps, step] = dims[d];
      const auto meets = [&, in = in, out = out, stride = stride, step = step](int64_t tap) {
        const Span span = positions_inside(dims[d].first + tap * step, stride, in, out);
        return span.begin < span.end;
      };
      while (taps > 0 && !meets(taps - 1)) --taps;
      int64_t missing = 0;
      while (missing < taps && !meets(missing)) ++missing;
      taps -= missing;
      first += missing * step;
      elements[d].first += missing * elements[d].step;
      if (out == 1) stride = 1;
      if (taps == 1) step = 1;
    }
  }
  bool fits() const {
    return std::ranges::all_of(
        dims, [](const ConvDim& dim) { return dim.taps == 0 || dim.extent() <= kMostPadding * (dim.in + 16); });
  }
};

Taps forward_taps(const ConvGeometry& g) {
  Taps taps{};
  for (size_t d = 0; d < 3; ++d) {
    taps.dims[d] = {g.in[d], g.out[d], g.stride[d], -g.padding[d], g.kernel[d], g.dilation[d]};
    taps.elements[d] = {0, 1};
  }
  taps.trim();
  return taps;
}

// For the gradient at the inputs phase + i * stride along each dim: what it takes of the output's gradient.
Taps backward_taps(const ConvGeometry& g, const std::array<int64_t, 3>& phase) {
  Taps taps{};
  for (size_t d = 0; d < 3; ++d) {
    const int64_t stride = g.stride[d], common = std::gcd(stride, g.dilation[d]), period = stride / common;
    const int64_t at = phase[d] + g.padding[d];
    const auto serves = [&](int64_t element) { return (at - element * g.dilation[d]) % stride == 0; };
    int64_t first = 0;
    while (first < std::min(period, g.kernel[d]) && !serves(first)) ++first;
    const int64_t count = first < std::min(period, g.kernel[d]) ? (g.kernel[d] - 1 - first) / period + 1 : 0;
    const int64_t last = first + (count - 1) * period;
    const int64_t positions = (g.in[d] - 1 - phase[d]) / stride + 1;
    taps.dims[d] = {g.out[d], positions, 1, (at - last * g.dilation[d]) / stride, count, g.dilation[d] / common};
    taps.elements[d] = {last, -period};
  }
  taps.trim();
  return taps;
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

// Few channels of a group have little use of a window; large planes of a kernel of one element need none.
bool is_better_unfolded(const ConvGeometry& g) {
  const bool plain = g.kernel_size() == 1 && g.in == g.out && ConvGeometry::product(g.stride) == 1;
  return (plain && g.out_plane() >= kPlainPlane) || (g.groups > 1 && g.out_channels / g.groups < kFewOutputs);
}

// The positions of all samples, cut into parts of samples or into groups of whole ones.
class Blocks {
 public:
  // Of at most `most` positions, unless a group is given.
  Blocks(int64_t batch, int64_t plane, int64_t most, int64_t unit)
      : plane_(plane), parts_(plane, most, unit), samples_(batch, std::max<int64_t>(most / plane, 1), 1) {}
  // Groups of `samples` samples, but for the last.
  Blocks(int64_t batch, int64_t plane, int64_t samples)
      : plane_(plane), parts_(plane, plane, 1), samples_(batch, samples, samples) {}
  int64_t count() const { return samples_.count() * parts_.count(); }
  Span operator[](int64_t block) const {
    const int64_t group = block / parts_.count(), part = block % parts_.count();
    const int64_t begin = samples_.begin(group) * plane_ + parts_.begin(part);
    const int64_t end = parts_.count() > 1 ? begin + parts_.size(part) : begin + samples_.size(group) * plane_;
    return {begin, end};
  }
  int64_t largest() const { return parts_.count() > 1 ? (*this)[0].size() : samples_.size(0) * plane_; }

 private:
  int64_t plane_;
  Cuts parts_, samples_;
};

template <class Body>
void for_each_task(int64_t count, const Body& body) {
  parallel_for(0, count, 1, [&body](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) body(i);
  });
}

// Where the weights of taps are within a whole weight. The matrix of a group has a row for each output channel, or for
// each input channel if it is `by_input`, and the terms of each row are ordered as the taps of a window.
class TapWeights {
 public:
  TapWeights(const ConvGeometry& g, const Taps& taps, bool by_input) {
    const int64_t inputs = g.in_channels / g.groups, outputs = g.out_channels / g.groups, size = g.kernel_size();
    group_stride_ = inputs * outputs * size;
    row_stride_ = by_input ? size : inputs * size;
    channel_stride_ = by_input ? inputs * size : size;
    const auto& [planes, lines, elements] = taps.elements;
    step_ = taps.dims[1].taps * taps.dims[2].taps;
    for (int64_t t0 = 0; t0 < taps.dims[0].taps; ++t0) {
      for (int64_t t1 = 0; t1 < taps.dims[1].taps; ++t1) {
        for (int64_t t2 = 0; t2 < taps.dims[2].taps; ++t2) {
          elements_.push_back(((planes.first + t0 * planes.step) * g.kernel[1] + lines.first + t1 * lines.step) *
                                  g.kernel[2] + elements.first + t2 * elements.step);
        }
      }
    }
  }

  // Calls visit(element) for the terms of a row in their order.
  template <class Visit>
  void for_each_term(int64_t group, int64_t row, Span channels, const Visit& visit) const {
    const int64_t first = group * group_stride_ + row * row_stride_;
    for (size_t tap = 0; tap < elements_.size(); tap += static_cast<size_t>(step_)) {
      for (int64_t channel = channels.begin; channel < channels.end; ++channel) {
        const int64_t at = first + channel * channel_stride_;
        for (int64_t t = 0; t < step_; ++t) visit(at + elements_[tap + static_cast<size_t>(t)]);
      }
    }
  }

  // Packs the terms of some rows into panels as PackKernels make them.
  template <class T>
  void pack(T* to, const T* w, int64_t group, Span rows, Span channels, int64_t max_rows) const {
    const Panels panels(rows.size(), max_rows);
    for (int64_t p = 0; p < panels.count; ++p) {
      const int64_t row = rows.begin + panels.start(p), count = panels.start(p + 1) - panels.start(p);
      const auto pack_rows = [&](auto rows_of_panel) {
        const int64_t stride = row_stride_;
        for_each_term(group, row, channels, [&, stride](int64_t element) {
#pragma GCC unroll 8
          for (int64_t i = 0; i < rows_of_panel; ++i) to[i] = w[element + i * stride];
          to += rows_of_panel;
        });
      };
      if (count == 8) {
        pack_rows(std::integral_constant<int64_t, 8>());
      } else {
        pack_rows(count);
      }
    }
  }

  int64_t row_stride() const { return row_stride_; }

 private:
  int64_t group_stride_, row_stride_, channel_stride_, step_;
  std::vector<int64_t> elements_;
};

// Where the result of a product over positions goes.
template <class T>
struct Places {
  T* data;
  int64_t sample, channel;
  std::array<int64_t, 3> strides;
};

// out(position, row) = the sum over channels and taps of weight * input, for every group.
template <class T>
class ForwardProduct {
 public:
  ForwardProduct(int64_t batch, int64_t groups, int64_t channels, int64_t rows, const Taps& taps)
      : batch_(batch),
        groups_(groups),
        channels_(channels),
        rows_(rows),
        taps_(taps.count()),
        plane_(taps.plane()),
        dims_(taps.dims),
        chunks_(channels, kDepthBytes / static_cast<int64_t>(sizeof(T)) / taps_, 1),
        samples_by_plane_(samples_by_plane()),
        blocks_(samples_by_plane_ > 0 ? Blocks(batch, plane_, samples_by_plane_)
                                      : Blocks(batch, plane_, most_positions(), kernel_.lanes)),
        row_parts_(rows,
                   std::max(kTaskRows, (rows * blocks_.count() * groups + kTasks - 1) / kTasks), kernel_.max_rows) {}

  void run(const Places<T>& to, const T* x, const T* w, const TapWeights& weights) const {
    const Scratch room(static_cast<size_t>(groups_ * rows_ * channels_ * taps_) * sizeof(T));
    const int64_t panel_sets = chunks_.count() * row_parts_.count();
    for_each_task(groups_ * panel_sets, [&](int64_t task) {
      const int64_t group = task / panel_sets, chunk = task % panel_sets / row_parts_.count();
      const int64_t part = task % row_parts_.count(), row = row_parts_.begin(part);
      weights.pack(room.as<T>() + packed_at(group, chunk, row), w, group, {row, row + row_parts_.size(part)},
                   {chunks_.begin(chunk), chunks_.begin(chunk) + chunks_.size(chunk)}, kernel_.max_rows);
    });
    for_each_task(groups_ * blocks_.count() * row_parts_.count(), [&](int64_t task) {
      const int64_t part = task % row_parts_.count(), rest = task / row_parts_.count();
      run_block(to, x, room.as<T>(), rest % groups_, blocks_[rest / groups_], part);
    });
  }

 private:
  int64_t packed_at(int64_t group, int64_t chunk, int64_t row) const {
    return (group * rows_ * channels_ + rows_ * chunks_.begin(chunk) + row * chunks_.size(chunk)) * taps_;
  }

  int64_t most_positions() const {
    return std::clamp(batch_ * plane_ * groups_ / kBlocks, kLeastPositions, kMostPositions) / kernel_.max_cols *
           kernel_.max_cols;
  }

  // How many samples should go plane by plane, each panel leaving out the taps that meet padding alone; 0 where that
  // does not serve: what is left out must outweigh the columns that fill up panels.
  int64_t samples_by_plane() const {
    const auto& [outer, middle, inner] = dims_;
    if (outer.out == 1 || outer.taps == 1 || channels_ * taps_ < kLeastTerms) return 0;
    int64_t met = 0;
    for (int64_t o = 0; o < outer.out; ++o) {
      met += positions_inside(outer.first + o * outer.stride, outer.step, outer.in, outer.taps).size();
    }
    const auto cost = [&](int64_t columns) {
      return static_cast<double>((columns + kernel_.lanes - 1) / kernel_.lanes * kernel_.lanes) /
             static_cast<double>(columns);
    };
    const int64_t columns = middle.out * inner.out;
    const double share = static_cast<double>(met) / static_cast<double>(outer.out * outer.taps);
    int64_t best = 0;
    double least = cost(std::max<int64_t>(most_positions() / plane_, 1) * plane_);
    for (int64_t samples = 1; samples <= std::min(batch_, kMostPositions / plane_); ++samples) {
      if (samples * columns < 2 * kernel_.lanes || share * cost(samples * columns) >= least - 1e-3) continue;
      least = share * cost(samples * columns);
      best = samples;
    }
    return best;
  }

  // The columns that make a panel, and the taps of the first dim that they need.
  struct Panel {
    Span columns, taps;
    int64_t width;
    std::vector<ConvPiece> pieces;
  };
  std::vector<Panel> panels_of(const ConvWindow& window, int64_t size) const {
    const int64_t planes = samples_by_plane_ > 0 ? dims_[0].out : 1, columns = size / planes;
    const Panels cuts((columns + kernel_.lanes - 1) / kernel_.lanes, kernel_.max_cols / kernel_.lanes);
    std::vector<Panel> panels;
    for (int64_t plane = 0; plane < planes; ++plane) {
      for (int64_t p = 0; p < cuts.count; ++p) {
        const int64_t begin = cuts.start(p) * kernel_.lanes, end = cuts.start(p + 1) * kernel_.lanes;
        const Span span{plane * columns + begin, plane * columns + std::min(columns, end)};
        panels.push_back({span, window.outer_taps(span), end - begin, {}});
        window.add_pieces(span, panels.back().pieces);
      }
    }
    return panels;
  }

  void run_block(const Places<T>& to, const T* x, const T* packed, int64_t group, Span block, int64_t part) const {
    const auto& [outer, middle, inner] = dims_;
    const ConvWindow window(dims_, block, samples_by_plane_ > 0);
    const std::vector<Panel> panels = panels_of(window, block.size());
    const int64_t most_channels = (channels_ + chunks_.count() - 1) / chunks_.count();
    const int64_t row0 = row_parts_.begin(part), rows = row_parts_.size(part), first_row = group * rows_ + row0;
    const bool in_place = lies_in_place(to, block);
    const int64_t lanes = kernel_.lanes;
    const int64_t window_room = (most_channels * window.channel_size() + 2 * lanes - 1) / lanes * lanes;
    const int64_t panel_room = most_channels * taps_ * kernel_.max_cols + lanes;
    const Scratch room(static_cast<size_t>(window_room + panel_room + (in_place ? 0 : rows * block.size())) *
                       sizeof(T));
    T* const values = room.as<T>();
    T* const columns = values + window_room;
    T* const own = columns + panel_room;
    T* const out = in_place ? to.data + block.begin / plane_ * to.sample + first_row * to.channel + block.begin % plane_
                            : own;
    const int64_t out_stride = in_place ? to.channel : block.size(), in_plane = outer.in * middle.in * inner.in;
    std::vector<int64_t> tap_places;
    for (int64_t chunk = 0; chunk < chunks_.count(); ++chunk) {
      const int64_t channel = group * channels_ + chunks_.begin(chunk), channels = chunks_.size(chunk);
      const int64_t depth = channels * taps_, step = depth / outer.taps;
      if (static_cast<int64_t>(tap_places.size()) != depth) tap_places = window.tap_places(channels);
      window.fill(values, x + channel * in_plane, groups_ * channels_ * in_plane, channels);
      for (const Panel& panel : panels) {
        const int64_t first = panel.taps.begin * step, k = std::max<int64_t>(panel.taps.size(), 0) * step;
        T* const to_panel = out + panel.columns.begin;
        if (k == 0) {
          for (int64_t r = 0; chunk == 0 && r < rows; ++r) std::fill_n(to_panel + r * out_stride, panel.columns.size(), T());
          continue;
        }
        copies(T{}).rows(columns, panel.width, values, tap_places.data() + first, k, panel.pieces.data(),
                         static_cast<int64_t>(panel.pieces.size()));
        kernel_.multiply({rows, panel.columns.size(), k, {packed + packed_at(group, chunk, row0), 0, 0},
                          {columns, 0, 0}, true, true, to_panel, out_stride, T{1}, chunk == 0 ? T{0} : T{1}, nullptr,
                          depth, first});
      }
    }
    if (!in_place) scatter(to, own, window, block.size(), first_row, rows);
  }

  // Whether the block is a part of one sample whose positions follow each other in the result.
  bool lies_in_place(const Places<T>& to, Span block) const {
    const auto& [outer, middle, inner] = dims_;
    return block.begin / plane_ == (block.end - 1) / plane_ && (inner.out == 1 || to.strides[2] == 1) &&
           (middle.out == 1 || to.strides[1] == inner.out) &&
           (outer.out == 1 || to.strides[0] == middle.out * inner.out);
  }

  void scatter(const Places<T>& to, const T* from, const ConvWindow& window, int64_t size, int64_t first_row,
               int64_t rows) const {
    const auto& [outer, middle, inner] = dims_;
    window.for_each_part({0, size}, [&](int64_t at, int64_t count, int64_t place) {
      const int64_t line = at % plane_ / inner.out;
      T* out = to.data + at / plane_ * to.sample + line / middle.out * to.strides[0] +
               line % middle.out * to.strides[1] + at % inner.out * to.strides[2] + first_row * to.channel;
      const T* values = from + place;
      for (int64_t row = 0; row < rows; ++row, out += to.channel, values += size) {
        if (to.strides[2] == 1) {
          for (int64_t i = 0; i < count; ++i) out[i] = values[i];
        } else {
          for (int64_t i = 0; i < count; ++i) out[i * to.strides[2]] = values[i];
        }
      }
    });
  }

  const GemmKernels<T>& kernel_ = kernels(T{});
  const int64_t batch_, groups_, channels_, rows_, taps_, plane_;
  const ConvDims dims_;
  const Cuts chunks_;
  const int64_t samples_by_plane_;
  const Blocks blocks_;
  const Cuts row_parts_;
};

// The sums over positions of the products of an output's gradient with what the taps meet.
template <class T>
class GradientProduct {
 public:
  GradientProduct(const ConvGeometry& g, const Taps& taps)
      : g_(g),
        inputs_(g.in_channels / g.groups),
        outputs_(g.out_channels / g.groups),
        taps_(taps),
        blocks_(g.batch, g.out_plane(), kGradientPositions, kernel_.lanes),
        ranges_(inputs_, std::max<int64_t>(kGradientTaps / taps.count(), 1), 1),
        slices_(blocks_.count(), std::max<int64_t>(blocks_.count() * g.groups * ranges_.count() / kTasks, 1), 1) {}

  void run(T* gw, const T* gy, const T* x) const {
    const int64_t slice_size = g_.groups * inputs_ * taps_.count() * outputs_;
    const Scratch room(static_cast<size_t>(slices_.count() * slice_size) * sizeof(T));
    T* const sums = room.as<T>();
    for_each_task(slices_.count() * g_.groups * ranges_.count(), [&](int64_t task) {
      const int64_t slice = task / (g_.groups * ranges_.count());
      const int64_t group = task / ranges_.count() % g_.groups, range = task % ranges_.count();
      add_up(sums + slice * slice_size + sums_at(group, range), gy, x, group, range, slice);
    });
    for_each_task(g_.groups * ranges_.count(), [&](int64_t task) {
      const int64_t group = task / ranges_.count(), range = task % ranges_.count();
      T* const first = sums + sums_at(group, range);
      const int64_t size = ranges_.size(range) * taps_.count() * outputs_;
      for (int64_t slice = 1; slice < slices_.count(); ++slice) {
        const T* const next = first + slice * slice_size;
        for (int64_t i = 0; i < size; ++i) first[i] += next[i];
      }
      turn(gw, first, group, range);
    });
  }

 private:
  int64_t sums_at(int64_t group, int64_t range) const {
    return (group * inputs_ + ranges_.begin(range)) * taps_.count() * outputs_;
  }

  // The sums over a slice of the blocks for a range of the channels: a row for each tap, a column for each output.
  void add_up(T* out, const T* gy, const T* x, int64_t group, int64_t range, int64_t slice) const {
    const int64_t channels = ranges_.size(range), rows = channels * taps_.count(), plane = g_.out_plane();
    // Rows that are a multiple of a page apart would share few places of the caches.
    const int64_t row_size = ((blocks_.largest() / kernel_.lanes + 1) | 1) * kernel_.lanes;
    const T* const first = x + (group * inputs_ + ranges_.begin(range)) * g_.in_plane();
    const Scratch unfolded(static_cast<size_t>(rows * row_size + kernel_.lanes) * sizeof(T));
    const Scratch gathered(static_cast<size_t>(outputs_ * blocks_.largest()) * sizeof(T));
    const int64_t width = (outputs_ + kernel_.lanes - 1) / kernel_.lanes * kernel_.lanes;
    const Scratch packed(static_cast<size_t>(width * blocks_.largest()) * sizeof(T));
    std::vector<ConvPiece> pieces;
    for (int64_t b = 0; b < slices_.size(slice); ++b) {
      const Span block = blocks_[slices_.begin(slice) + b];
      const ConvWindow window(taps_.dims, block, false);
      const Scratch values(static_cast<size_t>(channels * window.channel_size() + kernel_.lanes) * sizeof(T));
      window.fill(values.as<T>(), first, g_.in_channels * g_.in_plane(), channels);
      pieces.clear();
      window.add_pieces({0, block.size()}, pieces);
      copies(T{}).rows(unfolded.as<T>(), row_size, values.as<T>(), window.tap_places(channels).data(), rows,
                       pieces.data(), static_cast<int64_t>(pieces.size()));
      const int64_t sample = block.begin / plane, samples = (block.end - 1) / plane - sample + 1;
      const T* gradient = gy + (sample * g_.out_channels + group * outputs_) * plane + block.begin % plane;
      if (samples > 1) gradient = gather(gathered.as<T>(), gradient, samples);
      packer(T{}).rhs(packed.as<T>(), gradient, outputs_, block.size(), samples > 1 ? block.size() : plane, 1);
      kernel_.multiply({rows, outputs_, block.size(), {unfolded.as<T>(), row_size, 1}, {packed.as<T>(), 0, 0}, false,
                        true, out, outputs_, T{1}, b == 0 ? T{0} : T{1}, nullptr});
    }
  }

  // Several samples' planes next to each other.
  const T* gather(T* to, const T* from, int64_t samples) const {
    const int64_t plane = g_.out_plane();
    for (int64_t row = 0; row < outputs_; ++row) {
      for (int64_t s = 0; s < samples; ++s) {
        std::copy_n(from + (s * g_.out_channels + row) * plane, plane, to + (row * samples + s) * plane);
      }
    }
    return to;
  }

  // Puts sums, a row for each tap, where the weights of the taps are.
  void turn(T* gw, const T* sums, int64_t group, int64_t range) const {
    const TapWeights weights(g_, taps_, false);
    const int64_t begin = ranges_.begin(range);
    constexpr int64_t kTile = 16;
    for (int64_t row0 = 0; row0 < outputs_; row0 += kTile) {
      const int64_t rows = std::min(kTile, outputs_ - row0);
      const T* from = sums + row0;
      weights.for_each_term(group, row0, {begin, begin + ranges_.size(range)}, [&](int64_t element) {
        for (int64_t i = 0; i < rows; ++i) gw[element + i * weights.row_stride()] = from[i];
        from += outputs_;
      });
    }
  }

  const GemmKernels<T>& kernel_ = kernels(T{});
  const ConvGeometry& g_;
  const int64_t inputs_, outputs_;
  const Taps& taps_;
  const Blocks blocks_;
  const Cuts ranges_, slices_;
};

}  // namespace

template <class T>
bool conv_forward(T* y, const T* x, const T* w, const ConvGeometry& geometry) {
  const ConvGeometry g = with_leading_dim(geometry);
  const Taps taps = forward_taps(g);
  if (!taps.fits() || is_better_unfolded(g)) return false;
  if (taps.count() == 0) return std::fill_n(y, g.batch * g.out_channels * g.out_plane(), T()), true;
  const ForwardProduct<T> product(g.batch, g.groups, g.in_channels / g.groups, g.out_channels / g.groups, taps);
  product.run({y, g.out_channels * g.out_plane(), g.out_plane(), {g.out[1] * g.out[2], g.out[2], 1}}, x, w,
              TapWeights(g, taps, false));
  return true;
}

template <class T>
bool conv_input_gradient(T* gx, const T* gy, const T* w, const ConvGeometry& geometry) {
  const ConvGeometry g = with_leading_dim(geometry);
  const int64_t inputs = g.in_channels / g.groups, outputs = g.out_channels / g.groups;
  const int64_t phases = ConvGeometry::product(g.stride);
  if ((phases > 1 && inputs < 4 * phases) || g.batch * g.in_plane() < kFewPositions || is_better_unfolded(g)) {
    return false;
  }
  const auto for_each_phase = [&g](const auto& visit) {
    std::array<int64_t, 3> phase;
    for (phase[0] = 0; phase[0] < std::min(g.stride[0], g.in[0]); ++phase[0]) {
      for (phase[1] = 0; phase[1] < std::min(g.stride[1], g.in[1]); ++phase[1]) {
        for (phase[2] = 0; phase[2] < std::min(g.stride[2], g.in[2]); ++phase[2]) visit(phase, backward_taps(g, phase));
      }
    }
  };
  bool fits = true, has_gaps = false;
  for_each_phase([&](const auto&, const Taps& taps) { fits &= taps.fits(), has_gaps |= taps.count() == 0; });
  if (!fits) return false;
  if (has_gaps) std::fill_n(gx, g.batch * g.in_channels * g.in_plane(), T());
  for_each_phase([&](const std::array<int64_t, 3>& phase, const Taps& taps) {
    if (taps.count() == 0) return;
    const int64_t first = (phase[0] * g.in[1] + phase[1]) * g.in[2] + phase[2];
    const ForwardProduct<T> product(g.batch, g.groups, outputs, inputs, taps);
    product.run({gx + first, g.in_channels * g.in_plane(), g.in_plane(),
                 {g.stride[0] * g.in[1] * g.in[2], g.stride[1] * g.in[2], g.stride[2]}},
                gy, w, TapWeights(g, taps, true));
  });
  return true;
}

template <class T>
bool conv_weight_gradient(T* gw, const T* gy, const T* x, const ConvGeometry& geometry) {
  const ConvGeometry g = with_leading_dim(geometry);
  const Taps taps = forward_taps(g);
  if (!taps.fits() || is_better_unfolded(g) || (g.batch == 1 && g.out_plane() < kFewPositions)) return false;
  if (taps.count() < g.kernel_size()) std::fill_n(gw, g.out_channels * (g.in_channels / g.groups) * g.kernel_size(), T());
  if (taps.count() > 0) GradientProduct<T>(g, taps).run(gw, gy, x);
  return true;
}

template bool conv_forward(float*, const float*, const float*, const ConvGeometry&);
template bool conv_forward(double*, const double*, const double*, const ConvGeometry&);
template bool conv_input_gradient(float*, const float*, const float*, const ConvGeometry&);
template bool conv_input_gradient(double*, const double*, const double*, const ConvGeometry&);
template bool conv_weight_gradient(float*, const float*, const float*, const ConvGeometry&);
template bool conv_weight_gradient(double*, const double*, const double*, const ConvGeometry&);

}  // namespace tenon::cpu
