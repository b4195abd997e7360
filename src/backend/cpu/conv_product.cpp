// The positions of all samples are cut into blocks. What a block reads of a few channels is copied into a window, whose
// pieces are the panels of the matrix product with the weights. How work is cut depends on the shapes alone.
#include "backend/cpu/conv_product.h"

#include <algorithm>
#include <numeric>
#include <span>
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
// Positions of a block at most.
constexpr int64_t kMostPositions = 1024;
// Tasks that there should be at least, how many rows of weights make one, and what threads unfold at a time.
constexpr int64_t kTasks = 8;
constexpr int64_t kTaskRows = 48;
constexpr int64_t kSharedBytes = int64_t{16} << 20;
// Lines shorter than a vector's share of this waste too much of it where sums go straight from the window.
constexpr int64_t kShortLine = 3;
// Multiplications that are worth a task.
constexpr int64_t kSmallTask = 1 << 16;
// What it takes to copy a vector of the result, in terms of its sum.
constexpr double kScatterTime = 12;
// Positions and taps of a part of a weight gradient.
constexpr int64_t kGradientPositions = 256;
constexpr int64_t kGradientTaps = 288;
// Fewer positions than this in all do not repay packing, nor so many on each plane for a kernel of one element, or for
// the gradient that strides spread over the input.
constexpr int64_t kFewPositions = 128;
constexpr int64_t kLargePlane = 100;
constexpr int64_t kStridedPlane = 64;
// Up to so many output channels of a group, a weight gradient is a table of dot products.
constexpr int64_t kDotOutputs = 8;
// A window of more than so many times the input is not worth its room.
constexpr int64_t kMostPadding = 4;

const GemmKernels<float>& kernels(float) { return gemm_float(); }
const GemmKernels<double>& kernels(double) { return gemm_double(); }
const PackKernels<float>& packer(float) { return gemm_pack().from_float; }
const PackKernels<double>& packer(double) { return gemm_pack().from_double; }
const ConvCopies<float>& copies(float) { return conv_copies().of_float; }
const ConvCopies<double>& copies(double) { return conv_copies().of_double; }
void sum(const ConvSums<float>& sums) { conv_sums().of_float(sums); }
void sum(const ConvSums<double>& sums) { conv_sums().of_double(sums); }
void dot(const DotBlock<float>& block) { gemm_dot().dot_float(block); }
void dot(const DotBlock<double>& block) { gemm_dot().dot_double(block); }

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

// Large planes of a kernel of one element need no unfolding.
bool needs_no_unfolding(const ConvGeometry& g) {
  return g.kernel_size() == 1 && g.in == g.out && ConvGeometry::product(g.stride) == 1 && g.out_plane() >= kLargePlane;
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
        grouping_(grouping()),
        blocks_(grouping_.samples > 0 ? Blocks(batch, plane_, grouping_.samples)
                                      : Blocks(batch, plane_, kMostPositions, kernel_.lanes)),
        row_parts_(rows, part_rows(blocks_.count() * groups), kernel_.max_rows) {}

  void run(const Places<T>& to, const T* x, const T* w, const TapWeights& weights) const {
    const Scratch room(static_cast<size_t>(groups_ * rows_ * channels_ * taps_) * sizeof(T));
    const int64_t panel_sets = chunks_.count() * row_parts_.count();
    for_each_task(groups_ * panel_sets, [&](int64_t task) {
      const int64_t group = task / panel_sets, chunk = task % panel_sets / row_parts_.count();
      const int64_t part = task % row_parts_.count(), row = row_parts_.begin(part);
      weights.pack(room.as<T>() + packed_at(group, chunk, row), w, group, {row, row + row_parts_.size(part)},
                   {chunks_.begin(chunk), chunks_.begin(chunk) + chunks_.size(chunk)}, kernel_.max_rows);
    });
    if (sums_directly()) return run_few_rows(to, x, room.as<T>());
    if (row_parts_.count() > 1) return run_few_blocks(to, x, room.as<T>());
    for_each_task(groups_ * blocks_.count(), [&](int64_t task) {
      run_block(to, x, room.as<T>(), task % groups_, blocks_[task / groups_]);
    });
  }

 private:
  bool sums_directly() const { return rows_ <= kFewRows && dims_[2].out * kShortLine >= kernel_.lanes; }
  int64_t packed_at(int64_t group, int64_t chunk, int64_t row) const {
    return (group * rows_ * channels_ + rows_ * chunks_.begin(chunk) + row * chunks_.size(chunk)) * taps_;
  }

  // The time of the panels of so many columns for one term, in units of a full vector's.
  double cost(int64_t columns) const {
    constexpr std::array<double, 4> kOfWidth = {0, 1.6, 2.2, 3};
    const Panels panels((columns + kernel_.lanes - 1) / kernel_.lanes, kernel_.max_cols / kernel_.lanes);
    double sum = 0;
    for (int64_t p = 0; p < panels.count; ++p) {
      sum += kOfWidth[static_cast<size_t>(panels.start(p + 1) - panels.start(p))];
    }
    return sum;
  }

  // Groups of samples small enough to go together, cut where that leaves few columns empty. By planes, panels can leave
  // out the taps that meet padding alone.
  struct Grouping {
    int64_t samples = 0;
    bool by_plane = false;
  };
  Grouping grouping() const {
    const auto& [outer, middle, inner] = dims_;
    if (plane_ > kMostPositions / 2) return {};
    if (sums_directly()) return {kMostPositions / plane_, false};
    int64_t met = 0;
    for (int64_t o = 0; o < outer.out; ++o) {
      met += positions_inside(outer.first + o * outer.stride, outer.step, outer.in, outer.taps).size();
    }
    const double terms = static_cast<double>(channels_ * taps_);
    const int64_t line = middle.out * inner.out;
    Grouping best;
    double least = 0;
    for (int64_t samples = 1; samples <= std::min(batch_, kMostPositions / plane_); ++samples) {
      const int64_t groups = batch_ / samples, rest = batch_ % samples;
      for (const bool by_plane : {false, true}) {
        const int64_t columns = by_plane ? line : plane_;
        double time = static_cast<double>(groups) * cost(samples * columns) + (rest > 0 ? cost(rest * columns) : 0);
        if (by_plane) time *= static_cast<double>(met) / static_cast<double>(outer.taps);
        time *= (samples > 1 || by_plane ? 1 + kScatterTime / terms : 1);
        if (best.samples == 0 || time < least) least = time, best = {samples, by_plane};
      }
    }
    return best;
  }
  // Of a task, where there are so many blocks.
  int64_t part_rows(int64_t blocks) const { return std::max(kTaskRows, (rows_ * blocks + kTasks - 1) / kTasks); }

  // The columns that make a panel, the taps of the first dim that they need, and the width of the panels before it.
  struct Panel {
    Span columns, taps;
    int64_t width, at;
    std::vector<ConvPiece> pieces;
  };
  struct Plan {
    Span block;
    ConvWindow window;
    std::vector<Panel> panels;
    int64_t width;
  };
  Plan plan_of(Span block) const {
    Plan plan{block, ConvWindow(dims_, block, grouping_.by_plane), {}, 0};
    const int64_t planes = grouping_.by_plane ? dims_[0].out : 1, columns = block.size() / planes;
    const Panels cuts((columns + kernel_.lanes - 1) / kernel_.lanes, kernel_.max_cols / kernel_.lanes);
    for (int64_t plane = 0; plane < planes; ++plane) {
      for (int64_t p = 0; p < cuts.count; ++p) {
        const int64_t begin = cuts.start(p) * kernel_.lanes, end = cuts.start(p + 1) * kernel_.lanes;
        const Span span{plane * columns + begin, plane * columns + std::min(columns, end)};
        plan.panels.push_back({span, plan.window.outer_taps(span), end - begin, plan.width, {}});
        plan.window.add_pieces(span, plan.panels.back().pieces);
        plan.width += end - begin;
      }
    }
    return plan;
  }

  int64_t most_channels() const { return (channels_ + chunks_.count() - 1) / chunks_.count(); }
  int64_t most_depth() const { return most_channels() * taps_; }
  int64_t window_room(const Plan& plan) const {
    return (most_channels() * plan.window.channel_size() + 2 * kernel_.lanes - 1) / kernel_.lanes * kernel_.lanes;
  }
  // Fills a window with a chunk of a group's channels.
  void fill(T* values, const T* x, const Plan& plan, int64_t group, int64_t chunk) const {
    const int64_t in_plane = dims_[0].in * dims_[1].in * dims_[2].in;
    plan.window.fill(values, x + (group * channels_ + chunks_.begin(chunk)) * in_plane, groups_ * channels_ * in_plane,
                     chunks_.size(chunk));
  }
  // The terms of a chunk that a panel needs.
  Span terms(const Panel& panel, int64_t chunk) const {
    const int64_t step = chunks_.size(chunk) * taps_ / dims_[0].taps;
    return {panel.taps.begin * step, std::max(panel.taps.begin, panel.taps.end) * step};
  }
  void unfold(T* columns, const T* values, const Panel& panel, const std::vector<int64_t>& tap_places,
              int64_t chunk) const {
    const Span span = terms(panel, chunk);
    copies(T{}).rows(columns, panel.width, values, tap_places.data() + span.begin, span.size(), panel.pieces.data(),
                     static_cast<int64_t>(panel.pieces.size()));
  }
  // Adds a chunk's products to the results of a panel, which the first chunk sets.
  void multiply(T* out, int64_t out_stride, const T* packed, const T* columns, const Panel& panel, int64_t group,
                int64_t chunk, int64_t part) const {
    const Span span = terms(panel, chunk);
    const int64_t rows = row_parts_.size(part), count = panel.columns.size();
    if (span.size() == 0) {
      for (int64_t r = 0; chunk == 0 && r < rows; ++r) std::fill_n(out + r * out_stride, count, T());
      return;
    }
    kernel_.multiply({rows, count, span.size(), {packed + packed_at(group, chunk, row_parts_.begin(part)), 0, 0},
                      {columns, 0, 0}, true, true, out, out_stride, T{1}, chunk == 0 ? T{0} : T{1}, nullptr,
                      chunks_.size(chunk) * taps_, span.begin});
  }

  // All rows of weights for a block, a panel at a time.
  void run_block(const Places<T>& to, const T* x, const T* packed, int64_t group, Span block) const {
    const Plan plan = plan_of(block);
    const int64_t panel_room = most_depth() * kernel_.max_cols + kernel_.lanes;
    const bool in_place = lies_in_place(to, block);
    const Scratch room(static_cast<size_t>(window_room(plan) + panel_room + (in_place ? 0 : rows_ * block.size())) *
                       sizeof(T));
    T* const values = room.as<T>();
    T* const columns = values + window_room(plan);
    const Result result = in_place ? place_of(to, group, block) : Result{columns + panel_room, block.size()};
    std::vector<int64_t> tap_places;
    for (int64_t chunk = 0; chunk < chunks_.count(); ++chunk) {
      tap_places = plan.window.tap_places(chunks_.size(chunk));
      fill(values, x, plan, group, chunk);
      for (const Panel& panel : plan.panels) {
        unfold(columns, values, panel, tap_places, chunk);
        multiply(result.data + panel.columns.begin, result.stride, packed, columns, panel, group, chunk, 0);
      }
    }
    if (!in_place) scatter(to, result, plan, group, {0, rows_});
  }

  // Few rows of weights do not repay panels. Groups that make a task together share the plan of a block.
  void run_few_rows(const Places<T>& to, const T* x, const T* packed) const {
    const Cuts ranges(groups_, std::max<int64_t>(kSmallTask / (rows_ * channels_ * taps_ * blocks_.largest()), 1), 1);
    for_each_task(blocks_.count() * ranges.count(), [&](int64_t task) {
      const Plan plan = plan_of(blocks_[task / ranges.count()]);
      std::vector<ConvPiece> pieces;
      plan.window.add_pieces({0, plan.block.size()}, pieces);
      const bool in_place = lies_in_place(to, plan.block);
      const Scratch room(static_cast<size_t>(window_room(plan) + (in_place ? 0 : rows_ * plan.block.size())) *
                         sizeof(T));
      T* const values = room.as<T>();
      const int64_t range = task % ranges.count(), last = ranges.begin(range) + ranges.size(range);
      std::vector<int64_t> tap_places;
      for (int64_t group = ranges.begin(range); group < last; ++group) {
        const Result result = in_place ? place_of(to, group, plan.block)
                                       : Result{values + window_room(plan), plan.block.size()};
        for (int64_t chunk = 0; chunk < chunks_.count(); ++chunk) {
          const int64_t terms = chunks_.size(chunk) * taps_;
          if (static_cast<int64_t>(tap_places.size()) != terms) tap_places = plan.window.tap_places(chunks_.size(chunk));
          fill(values, x, plan, group, chunk);
          sum(ConvSums<T>{result.data, result.stride, rows_, packed + packed_at(group, chunk, 0), values,
                          tap_places.data(), terms, pieces.data(), static_cast<int64_t>(pieces.size()), chunk > 0});
        }
        if (!in_place) scatter(to, result, plan, group, {0, rows_});
      }
    });
  }

  // Where blocks are too few for the threads, they unfold all panels of some chunks first, and then share the rows.
  void run_few_blocks(const Places<T>& to, const T* x, const T* packed) const {
    std::vector<Plan> plans;
    int64_t width = 0;
    for (int64_t b = 0; b < blocks_.count(); ++b) {
      plans.push_back(plan_of(blocks_[b]));
      for (Panel& panel : plans.back().panels) panel.at += width;
      width += plans.back().width + kernel_.lanes;  // beyond a block's last row, a vector may reach
    }
    const int64_t units = groups_ * blocks_.count(), parts = row_parts_.count();
    const int64_t chunk_room = width * most_depth();
    const int64_t most_chunks = kSharedBytes / (groups_ * chunk_room * static_cast<int64_t>(sizeof(T)));
    const Cuts rounds(chunks_.count(), std::max<int64_t>(most_chunks, 1), 1);
    const int64_t round_chunks = (chunks_.count() + rounds.count() - 1) / rounds.count();
    const Scratch columns(static_cast<size_t>(groups_ * round_chunks * chunk_room) * sizeof(T));
    const Scratch own(static_cast<size_t>(groups_ * rows_ * batch_ * plane_) * sizeof(T));
    const auto columns_of = [&](int64_t group, int64_t chunk, const Panel& panel) {
      return columns.as<T>() + (group * round_chunks + chunk) * chunk_room + panel.at * most_depth();
    };
    for (int64_t round = 0; round < rounds.count(); ++round) {
      const int64_t first = rounds.begin(round), count = rounds.size(round);
      for_each_task(units * count, [&](int64_t task) {
        const int64_t group = task / count % groups_, chunk = task % count;
        const Plan& plan = plans[static_cast<size_t>(task / count / groups_)];
        const Scratch values(static_cast<size_t>(window_room(plan)) * sizeof(T));
        fill(values.as<T>(), x, plan, group, first + chunk);
        const std::vector<int64_t> tap_places = plan.window.tap_places(chunks_.size(first + chunk));
        for (const Panel& panel : plan.panels) {
          unfold(columns_of(group, chunk, panel), values.as<T>(), panel, tap_places, first + chunk);
        }
      });
      for_each_task(units * parts, [&](int64_t task) {
        const int64_t part = task % parts, group = task / parts % groups_;
        const Plan& plan = plans[static_cast<size_t>(task / parts / groups_)];
        const Span rows{row_parts_.begin(part), row_parts_.begin(part) + row_parts_.size(part)};
        const bool in_place = lies_in_place(to, plan.block);
        const Result result = in_place ? place_of(to, group, plan.block)
                                       : Result{own.as<T>() + (group * batch_ * plane_ + plan.block.begin) * rows_,
                                                plan.block.size()};
        for (int64_t chunk = 0; chunk < count; ++chunk) {
          for (const Panel& panel : plan.panels) {
            multiply(result.data + rows.begin * result.stride + panel.columns.begin, result.stride, packed,
                     columns_of(group, chunk, panel), panel, group, first + chunk, part);
          }
        }
        if (!in_place && round == rounds.count() - 1) scatter(to, result, plan, group, rows);
      });
    }
  }

  // The first element of a block's results, a row after another.
  struct Result {
    T* data;
    int64_t stride;
  };
  Result place_of(const Places<T>& to, int64_t group, Span block) const {
    return {to.data + block.begin / plane_ * to.sample + group * rows_ * to.channel + block.begin % plane_, to.channel};
  }

  // Whether the positions of a sample follow each other in the result.
  bool keeps_order(const Places<T>& to) const {
    const auto& [outer, middle, inner] = dims_;
    return (inner.out == 1 || to.strides[2] == 1) && (middle.out == 1 || to.strides[1] == inner.out) &&
           (outer.out == 1 || to.strides[0] == middle.out * inner.out);
  }
  bool lies_in_place(const Places<T>& to, Span block) const {
    return block.begin / plane_ == (block.end - 1) / plane_ && keeps_order(to);
  }

  void scatter(const Places<T>& to, const Result& result, const Plan& plan, int64_t group, Span rows) const {
    const auto copy = [&](T* out, int64_t stride, int64_t place, int64_t count) {
      out += (group * rows_ + rows.begin) * to.channel;
      const T* values = result.data + rows.begin * result.stride + place;
      for (int64_t row = rows.begin; row < rows.end; ++row, out += to.channel, values += result.stride) {
        if (stride == 1) {
          for (int64_t i = 0; i < count; ++i) out[i] = values[i];
        } else {
          for (int64_t i = 0; i < count; ++i) out[i * stride] = values[i];
        }
      }
    };
    if (keeps_order(to) && !grouping_.by_plane) {
      for (int64_t at = plan.block.begin; at < plan.block.end;) {
        const int64_t count = std::min(plane_ - at % plane_, plan.block.end - at);
        copy(to.data + at / plane_ * to.sample + at % plane_, 1, at - plan.block.begin, count);
        at += count;
      }
      return;
    }
    const auto& [outer, middle, inner] = dims_;
    plan.window.for_each_part({0, plan.block.size()}, [&](int64_t at, int64_t count, int64_t place) {
      const int64_t line = at % plane_ / inner.out;
      copy(to.data + at / plane_ * to.sample + line / middle.out * to.strides[0] + line % middle.out * to.strides[1] +
               at % inner.out * to.strides[2],
           to.strides[2], place, count);
    });
  }

  const GemmKernels<T>& kernel_ = kernels(T{});
  const int64_t batch_, groups_, channels_, rows_, taps_, plane_;
  const ConvDims dims_;
  const Cuts chunks_;
  const Grouping grouping_;
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
    std::vector<Plan> plans;
    plans.reserve(static_cast<size_t>(blocks_.count()));
    for (int64_t b = 0; b < blocks_.count(); ++b) {
      plans.push_back({blocks_[b], ConvWindow(taps_.dims, blocks_[b], false), {}});
      plans.back().window.add_pieces({0, plans.back().block.size()}, plans.back().pieces);
    }
    const int64_t slice_size = g_.groups * inputs_ * taps_.count() * outputs_;
    const Scratch room(static_cast<size_t>(slices_.count() * slice_size) * sizeof(T));
    T* const sums = room.as<T>();
    for_each_task(slices_.count() * g_.groups * ranges_.count(), [&](int64_t task) {
      const int64_t slice = task / (g_.groups * ranges_.count());
      const int64_t group = task / ranges_.count() % g_.groups, range = task % ranges_.count();
      const std::span<const Plan> part(plans.data() + slices_.begin(slice), static_cast<size_t>(slices_.size(slice)));
      add_up(sums + slice * slice_size + sums_at(group, range), gy, x, group, range, part);
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
  struct Plan {
    Span block;
    ConvWindow window;
    std::vector<ConvPiece> pieces;
  };

  int64_t sums_at(int64_t group, int64_t range) const {
    return (group * inputs_ + ranges_.begin(range)) * taps_.count() * outputs_;
  }

  // The sums over some blocks for a range of the channels: a row for each tap, a column for each output.
  void add_up(T* out, const T* gy, const T* x, int64_t group, int64_t range, std::span<const Plan> plans) const {
    const int64_t channels = ranges_.size(range), rows = channels * taps_.count(), plane = g_.out_plane();
    // Rows that are a multiple of a page apart would share few places of the caches.
    const int64_t row_size = ((blocks_.largest() / kernel_.lanes + 1) | 1) * kernel_.lanes;
    const T* const first = x + (group * inputs_ + ranges_.begin(range)) * g_.in_plane();
    const Scratch unfolded(static_cast<size_t>(rows * row_size + kernel_.lanes) * sizeof(T));
    const Scratch gathered(static_cast<size_t>(outputs_ * blocks_.largest()) * sizeof(T));
    const int64_t width = (outputs_ + kernel_.lanes - 1) / kernel_.lanes * kernel_.lanes;
    const Scratch packed(static_cast<size_t>(width * blocks_.largest()) * sizeof(T));
    int64_t window_room = 0;
    for (const Plan& plan : plans) window_room = std::max(window_room, channels * plan.window.channel_size());
    const Scratch values(static_cast<size_t>(window_room + kernel_.lanes) * sizeof(T));
    std::vector<int64_t> tap_places;
    int64_t channel_size = 0;
    for (const auto& [block, window, pieces] : plans) {
      if (std::exchange(channel_size, window.channel_size()) != window.channel_size()) {
        tap_places = window.tap_places(channels);
      }
      window.fill(values.as<T>(), first, g_.in_channels * g_.in_plane(), channels);
      copies(T{}).rows(unfolded.as<T>(), row_size, values.as<T>(), tap_places.data(), rows, pieces.data(),
                       static_cast<int64_t>(pieces.size()));
      const int64_t sample = block.begin / plane, samples = (block.end - 1) / plane - sample + 1;
      const T* gradient = gy + (sample * g_.out_channels + group * outputs_) * plane + block.begin % plane;
      if (samples > 1) gradient = gather(gathered.as<T>(), gradient, samples);
      const int64_t stride = samples > 1 ? block.size() : plane;
      const T beta = &block == &plans.front().block ? T{0} : T{1};
      if (outputs_ <= kDotOutputs) {
        dot({outputs_, rows, block.size(), gradient, stride, unfolded.as<T>(), row_size, out, 1, outputs_, T{1},
             beta, nullptr, 0, 0});
        continue;
      }
      packer(T{}).rhs(packed.as<T>(), gradient, outputs_, block.size(), stride, 1);
      kernel_.multiply({rows, outputs_, block.size(), {unfolded.as<T>(), row_size, 1}, {packed.as<T>(), 0, 0}, false,
                        true, out, outputs_, T{1}, beta, nullptr});
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
  if (!taps.fits() || needs_no_unfolding(g)) return false;
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
  const bool is_single = g.batch == 1 && g.in_plane() < kFewPositions;
  const bool is_strided = ConvGeometry::product(g.stride) > 1 && g.out_plane() >= kStridedPlane;
  if (is_single || is_strided || needs_no_unfolding(g)) return false;
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
  const bool is_single = g.batch == 1 && g.out_plane() < kFewPositions;
  if (!taps.fits() || is_single || needs_no_unfolding(g)) return false;
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
