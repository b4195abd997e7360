// The positions of all samples are cut into blocks. What a block reads of a few channels is copied into a window, whose
// pieces are the panels of the matrix product with the weights. How work is cut depends on the shapes alone.
#include "backend/cpu/conv_product.h"

#include <algorithm>
#include <vector>

#include "backend/cpu/conv_parts.h"
#include "backend/cpu/conv_taps.h"
#include "backend/cpu/scratch.h"

namespace tenon::cpu {
namespace {

// Positions of a block at most.
constexpr int64_t kMostPositions = 1024;
// How many rows of weights make a task at least, and what threads unfold at a time, and at most.
constexpr int64_t kTaskRows = 48;
constexpr int64_t kSharedBytes = int64_t{16} << 20;
constexpr int64_t kMostShared = 2 * kSharedBytes;
// Lines shorter than a vector's share of this waste too much of it where sums go straight from the window.
constexpr int64_t kShortLine = 3;
// Multiplications that are worth a task.
constexpr int64_t kSmallTask = 1 << 16;
// What it takes to copy a vector of the result, in terms of its sum.
constexpr double kScatterTime = 12;
// From so many positions of a plane on, or for more remainders of the stride, unfolding sample by sample serves strided
// gradients better.
constexpr int64_t kStridedPlane = 64;
constexpr int64_t kMostPhases = 8;

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
  bool sums_directly() const { return rows_ <= kMostSumRows && dims_[2].out * kShortLine >= kernel_.lanes; }
  int64_t packed_at(int64_t group, int64_t chunk, int64_t row) const {
    return (group * rows_ * channels_ + rows_ * chunks_.begin(chunk) + row * chunks_.size(chunk)) * taps_;
  }

  // The time of the panels of so many columns for one term, in units of a vector's in the widest panel: narrower ones
  // load more for each product.
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
  // Of a task, where there are so many blocks: all, if the blocks' panels are too large to share.
  int64_t part_rows(int64_t blocks) const {
    const bool can_share = blocks * blocks_.largest() * most_depth() * static_cast<int64_t>(sizeof(T)) <= kMostShared;
    return can_share ? std::max(kTaskRows, (rows_ * blocks + kTasks - 1) / kTasks) : rows_;
  }

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
  Plan without_panels(Span block) const { return {block, ConvWindow(dims_, block, grouping_.by_plane), {}, 0}; }
  Plan plan_of(Span block) const {
    Plan plan = without_panels(block);
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
    conv_copies(T{}).rows(columns, panel.width, values, tap_places.data() + span.begin, span.size(),
                          panel.pieces.data(), static_cast<int64_t>(panel.pieces.size()));
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
      const int64_t channels = chunks_.size(chunk);
      if (static_cast<int64_t>(tap_places.size()) != channels * taps_) tap_places = plan.window.tap_places(channels);
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
      const Plan plan = without_panels(blocks_[task / ranges.count()]);
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
          const int64_t channels = chunks_.size(chunk), terms = channels * taps_;
          if (static_cast<int64_t>(tap_places.size()) != terms) tap_places = plan.window.tap_places(channels);
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
    const bool all_in_place = lies_in_place(to, blocks_[0]);
    const Scratch own(all_in_place ? 0 : static_cast<size_t>(groups_ * rows_ * batch_ * plane_) * sizeof(T));
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

  const GemmKernels<T>& kernel_ = gemm_kernels(T{});
  const int64_t batch_, groups_, channels_, rows_, taps_, plane_;
  const ConvDims dims_;
  const Cuts chunks_;
  const Grouping grouping_;
  const Blocks blocks_;
  const Cuts row_parts_;
};

}  // namespace

template <class T>
bool conv_forward(T* y, const T* x, const T* w, const ConvGeometry& geometry) {
  const ConvGeometry g = with_outer_dims(geometry);
  const Taps taps = forward_taps(g);
  if (!taps.fits() || is_better_by_sample(g, g.out_plane())) return false;
  if (taps.count() == 0) return std::fill_n(y, g.batch * g.out_channels * g.out_plane(), T()), true;
  const ForwardProduct<T> product(g.batch, g.groups, g.in_channels / g.groups, g.out_channels / g.groups, taps);
  product.run({y, g.out_channels * g.out_plane(), g.out_plane(), {g.out[1] * g.out[2], g.out[2], 1}}, x, w,
              TapWeights(g, taps, false));
  return true;
}

template <class T>
bool conv_input_gradient(T* gx, const T* gy, const T* w, const ConvGeometry& geometry) {
  const ConvGeometry g = with_outer_dims(geometry);
  const int64_t inputs = g.in_channels / g.groups, outputs = g.out_channels / g.groups;
  int64_t phases = 1;
  for (size_t d = 0; d < 3; ++d) phases *= std::min(g.stride[d], g.in[d]);
  const bool is_strided = phases > 1 && g.out_plane() >= kStridedPlane;
  if (is_strided || phases > kMostPhases || is_better_by_sample(g, g.in_plane())) return false;
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

template bool conv_forward(float*, const float*, const float*, const ConvGeometry&);
template bool conv_forward(double*, const double*, const double*, const ConvGeometry&);
template bool conv_input_gradient(float*, const float*, const float*, const ConvGeometry&);
template bool conv_input_gradient(double*, const double*, const double*, const ConvGeometry&);

}  // namespace tenon::cpu
