// The positions of all samples are cut into blocks. What a block reads of a few channels is copied into a window, whose
// pieces are the panels of the matrix product with the weights. How work is cut depends on the shapes alone.
#include "backend/cpu/conv_product.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "backend/cpu/conv_window.h"
#include "backend/cpu/elementwise_move.h"
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
// Weights are packed if they are used for so many positions.
constexpr int64_t kPackedPositions = 128;
// Positions and taps of a part of a weight gradient.
constexpr int64_t kGradientPositions = 384;
constexpr int64_t kGradientTaps = 72;
// Numbers that are worth a task of their own when they are moved.
constexpr int64_t kMovedByTask = 1 << 15;
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

// The positions of all samples, cut into parts of samples or into groups of whole ones.
class Blocks {
 public:
  Blocks(int64_t batch, int64_t plane, int64_t most, int64_t unit)
      : plane_(plane), parts_(plane, most, unit), samples_(batch, std::max<int64_t>(most / plane, 1), 1) {}
  int64_t count() const { return samples_.count() * parts_.count(); }
  Span operator[](int64_t block) const {
    const int64_t group = block / parts_.count(), part = block % parts_.count();
    const int64_t begin = samples_.begin(group) * plane_ + parts_.begin(part);
    const int64_t end = parts_.count() > 1 ? begin + parts_.size(part) : begin + samples_.size(group) * plane_;
    return {begin, end};
  }
  int64_t largest() const {
    int64_t size = 0;
    for (int64_t i = 0; i < std::min(count(), parts_.count() + 1); ++i) size = std::max(size, (*this)[i].size());
    return size;
  }

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
        blocks_(batch, plane_,
                std::clamp(batch * plane_ * groups / kBlocks, kLeastPositions, kMostPositions) / kernel_.max_cols *
                    kernel_.max_cols,
                kernel_.lanes),
        row_parts_(rows,
                   std::max(kTaskRows, (rows * blocks_.count() * groups + kTasks - 1) / kTasks), kernel_.max_rows) {}

  // `weights` is a matrix of groups * rows by channels * taps.
  void run(const Places<T>& to, const T* x, const T* weights) const {
    const bool packs = batch_ * plane_ >= kPackedPositions;
    const Scratch room(packs ? static_cast<size_t>(groups_ * rows_ * channels_ * taps_) * sizeof(T) : 0);
    if (packs) {
      for_each_task(groups_ * chunks_.count(), [&](int64_t task) {
        const int64_t group = task / chunks_.count(), chunk = task % chunks_.count();
        for (int64_t part = 0; part < row_parts_.count(); ++part) {
          const int64_t row = row_parts_.begin(part);
          packer(T{}).lhs(room.as<T>() + packed_at(group, chunk, row),
                          weights + (group * rows_ + row) * depth() + chunks_.begin(chunk) * taps_,
                          row_parts_.size(part), chunks_.size(chunk) * taps_, depth(), 1);
        }
      });
    }
    for_each_task(groups_ * blocks_.count() * row_parts_.count(), [&](int64_t task) {
      const int64_t part = task % row_parts_.count(), rest = task / row_parts_.count();
      run_block(to, x, packs ? room.as<T>() : nullptr, weights, rest % groups_, blocks_[rest / groups_], part);
    });
  }

 private:
  int64_t depth() const { return channels_ * taps_; }
  int64_t packed_at(int64_t group, int64_t chunk, int64_t row) const {
    return group * rows_ * depth() + (rows_ * chunks_.begin(chunk) + row * chunks_.size(chunk)) * taps_;
  }

  void run_block(const Places<T>& to, const T* x, const T* packed, const T* weights, int64_t group, Span block,
                 int64_t part) const {
    const ConvWindow window(dims_, block);
    const int64_t most_channels = (channels_ + chunks_.count() - 1) / chunks_.count();
    const std::vector<int64_t> tap_places = window.tap_places(most_channels);
    const Panels panels((block.size() + kernel_.lanes - 1) / kernel_.lanes, kernel_.max_cols / kernel_.lanes);
    std::vector<ConvPiece> pieces;
    std::vector<size_t> first_pieces;
    const auto panel_at = [&](int64_t panel) { return std::min(block.size(), panels.start(panel) * kernel_.lanes); };
    for (int64_t p = 0; p < panels.count; ++p) {
      first_pieces.push_back(pieces.size());
      window.add_pieces({block.begin + panel_at(p), block.begin + panel_at(p + 1)}, pieces);
    }
    first_pieces.push_back(pieces.size());

    const int64_t row0 = row_parts_.begin(part), rows = row_parts_.size(part);
    const bool in_place = lies_in_place(to, block);
    const int64_t window_room = most_channels * window.channel_size() + kernel_.lanes;
    const int64_t panel_room = most_channels * taps_ * kernel_.max_cols + kernel_.lanes;
    const Scratch room(static_cast<size_t>(window_room + panel_room + (in_place ? 0 : rows * block.size())) *
                       sizeof(T));
    T* const values = room.as<T>();
    T* const columns = values + window_room;
    T* const own = columns + panel_room;
    const int64_t first_row = group * rows_ + row0, sample = block.begin / plane_;
    T* const out = in_place ? to.data + sample * to.sample + first_row * to.channel + block.begin % plane_ : own;
    const int64_t out_stride = in_place ? to.channel : block.size();

    for (int64_t chunk = 0; chunk < chunks_.count(); ++chunk) {
      const int64_t channel = group * channels_ + chunks_.begin(chunk), k = chunks_.size(chunk) * taps_;
      const int64_t in_plane = dims_[0].in * dims_[1].in * dims_[2].in;
      window.fill(values, x + channel * in_plane, groups_ * channels_ * in_plane, chunks_.size(chunk));
      const GemmOperand<T> a =
          packed ? GemmOperand<T>{packed + packed_at(group, chunk, row0), 0, 0}
                 : GemmOperand<T>{weights + first_row * depth() + chunks_.begin(chunk) * taps_, depth(), 1};
      for (int64_t p = 0; p < panels.count; ++p) {
        const size_t first = first_pieces[static_cast<size_t>(p)], last = first_pieces[static_cast<size_t>(p) + 1];
        const int64_t width = (panels.start(p + 1) - panels.start(p)) * kernel_.lanes;
        copies(T{}).rows(columns, width, values, tap_places.data(), k, pieces.data() + first,
                         static_cast<int64_t>(last - first));
        kernel_.multiply({rows, panel_at(p + 1) - panel_at(p), k, a, {columns, 0, 0}, packed != nullptr, true,
                          out + panel_at(p), out_stride, T{1}, chunk == 0 ? T{0} : T{1}, nullptr});
      }
    }
    if (!in_place) scatter(to, own, block, first_row, rows);
  }

  // Whether the block is a part of one sample whose positions follow each other in the result.
  bool lies_in_place(const Places<T>& to, Span block) const {
    const auto& [outer, middle, inner] = dims_;
    return block.begin / plane_ == (block.end - 1) / plane_ && (inner.out == 1 || to.strides[2] == 1) &&
           (middle.out == 1 || to.strides[1] == inner.out) &&
           (outer.out == 1 || to.strides[0] == middle.out * inner.out);
  }

  void scatter(const Places<T>& to, const T* from, Span block, int64_t first_row, int64_t rows) const {
    const auto& [outer, middle, inner] = dims_;
    for (int64_t at = block.begin; at < block.end;) {
      const int64_t line = at % plane_ / inner.out, w = at % inner.out;
      const int64_t count = std::min(inner.out - w, block.end - at);
      T* const place = to.data + at / plane_ * to.sample + line / middle.out * to.strides[0] +
                       line % middle.out * to.strides[1] + w * to.strides[2];
      const T* const values = from + (at - block.begin);
      for (int64_t row = 0; row < rows; ++row) {
        T* const out = place + (first_row + row) * to.channel;
        for (int64_t i = 0; i < count; ++i) out[i * to.strides[2]] = values[row * block.size() + i];
      }
      at += count;
    }
  }

  const GemmKernels<T>& kernel_ = kernels(T{});
  const int64_t batch_, groups_, channels_, rows_, taps_, plane_;
  const ConvDims dims_;
  const Cuts chunks_;
  const Blocks blocks_;
  const Cuts row_parts_;
};

// Calls move(place, element) for the places of a matrix of the taps' weights and the elements of the whole weight. The
// matrix has a row for each output channel, or for each input channel if `by_input`.
template <class Move>
void for_each_weight(const ConvGeometry& g, const Taps& taps, bool by_input, const Move& move) {
  const int64_t inputs = g.in_channels / g.groups, outputs = g.out_channels / g.groups, size = g.kernel_size();
  const int64_t rows = by_input ? inputs : outputs, cols = by_input ? outputs : inputs;
  const int64_t row_stride = by_input ? size : inputs * size, col_stride = by_input ? inputs * size : size;
  const auto& [outer, middle, inner] = taps.dims;
  const auto& [planes, lines, elements] = taps.elements;
  const int64_t row_size = cols * taps.count();
  parallel_for(0, g.groups * rows, std::max<int64_t>(1, kMovedByTask / row_size), [&](int64_t begin, int64_t end) {
    int64_t place = begin * row_size;
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t col = 0; col < cols; ++col) {
        const int64_t first = row / rows * outputs * inputs * size + row % rows * row_stride + col * col_stride;
        for (int64_t t0 = 0; t0 < outer.taps; ++t0) {
          for (int64_t t1 = 0; t1 < middle.taps; ++t1) {
            const int64_t plane = planes.first + t0 * planes.step, line = lines.first + t1 * lines.step;
            const int64_t element = first + (plane * g.kernel[1] + line) * g.kernel[2] + elements.first;
            for (int64_t t2 = 0; t2 < inner.taps; ++t2) move(place++, element + t2 * elements.step);
          }
        }
      }
    }
  });
}

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
        slices_(blocks_.count(),
                std::max<int64_t>(blocks_.count() * g.groups * ranges_.count() / kTasks, 1), 1) {}

  // Writes a matrix of groups * outputs by inputs * taps.
  void run(T* to, const T* gy, const T* x) const {
    const int64_t positions = g_.batch * g_.out_plane(), width = padded_outputs();
    const Scratch room(static_cast<size_t>(g_.groups * width * positions) * sizeof(T));
    pack_gradient(room.as<T>(), gy);
    const int64_t slice_size = g_.groups * inputs_ * taps_.count() * outputs_;
    const Scratch sums(static_cast<size_t>(slices_.count() * slice_size) * sizeof(T));
    for_each_task(slices_.count() * g_.groups * ranges_.count(), [&](int64_t task) {
      const int64_t range = task % ranges_.count(), rest = task / ranges_.count();
      const int64_t group = rest % g_.groups, slice = rest / g_.groups;
      T* const out = sums.as<T>() + slice * slice_size +
                     (group * inputs_ + ranges_.begin(range)) * taps_.count() * outputs_;
      add_up(out, room.as<T>() + group * width * positions, x, group, range, slice);
    });
    const int64_t rows = inputs_ * taps_.count(), part = std::max<int64_t>(1, kMovedByTask / outputs_);
    const Cuts parts(rows, part, 1);
    const auto move = move_block_of(sizeof(T));
    for_each_task(g_.groups * parts.count(), [&](int64_t task) {
      const int64_t group = task / parts.count(), row = parts.begin(task % parts.count());
      const int64_t count = parts.size(task % parts.count());
      T* const first = sums.as<T>() + (group * rows + row) * outputs_;
      for (int64_t slice = 1; slice < slices_.count(); ++slice) {
        const T* const next = first + slice * slice_size;
        for (int64_t i = 0; i < count * outputs_; ++i) first[i] += next[i];
      }
      constexpr int64_t kSize = sizeof(T);
      move(reinterpret_cast<const char*>(first), kSize, outputs_ * kSize,
           reinterpret_cast<char*>(to + group * outputs_ * rows + row), rows * kSize, kSize, outputs_, count);
    });
  }

 private:
  int64_t padded_outputs() const { return (outputs_ + kernel_.lanes - 1) / kernel_.lanes * kernel_.lanes; }

  // Packs the gradient of every block into panels of output channels.
  void pack_gradient(T* to, const T* gy) const {
    const int64_t plane = g_.out_plane(), positions = g_.batch * plane;
    for_each_task(g_.groups * blocks_.count(), [&](int64_t task) {
      const int64_t group = task / blocks_.count();
      const Span block = blocks_[task % blocks_.count()];
      T* const out = to + (group * positions + block.begin) * padded_outputs();
      const int64_t sample = block.begin / plane, samples = (block.end - 1) / plane - sample + 1;
      const T* from = gy + (sample * g_.out_channels + group * outputs_) * plane + block.begin % plane;
      if (samples == 1) return packer(T{}).rhs(out, from, outputs_, block.size(), plane, 1);
      const Scratch room(static_cast<size_t>(outputs_ * block.size()) * sizeof(T));
      for (int64_t row = 0; row < outputs_; ++row) {
        for (int64_t s = 0; s < samples; ++s) {
          std::copy_n(from + (s * g_.out_channels + row) * plane, plane, room.as<T>() + row * block.size() + s * plane);
        }
      }
      packer(T{}).rhs(out, room.as<T>(), outputs_, block.size(), block.size(), 1);
    });
  }

  // The sums over a slice of the blocks for a range of the channels: a row for each tap, a column for each output.
  void add_up(T* out, const T* packed, const T* x, int64_t group, int64_t range, int64_t slice) const {
    const int64_t channels = ranges_.size(range), rows = channels * taps_.count();
    const int64_t row_size = (blocks_.largest() / kernel_.lanes + 1 | 1) * kernel_.lanes;
    const T* const first = x + (group * inputs_ + ranges_.begin(range)) * g_.in_plane();
    std::vector<ConvPiece> pieces;
    for (int64_t b = 0; b < slices_.size(slice); ++b) {
      const Span block = blocks_[slices_.begin(slice) + b];
      const ConvWindow window(taps_.dims, block);
      const int64_t window_room = channels * window.channel_size() + kernel_.lanes;
      const Scratch room(static_cast<size_t>(window_room + rows * row_size + kernel_.lanes) * sizeof(T));
      T* const unfolded = room.as<T>() + window_room;
      window.fill(room.as<T>(), first, g_.in_channels * g_.in_plane(), channels);
      pieces.clear();
      window.add_pieces(block, pieces);
      copies(T{}).rows(unfolded, row_size, room.as<T>(), window.tap_places(channels).data(), rows, pieces.data(),
                       static_cast<int64_t>(pieces.size()));
      kernel_.multiply({rows, outputs_, block.size(), {unfolded, row_size, 1},
                        {packed + block.begin * padded_outputs(), 0, 0}, false, true, out, outputs_, T{1},
                        b == 0 ? T{0} : T{1}, nullptr});
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
bool conv_forward(T* y, const T* x, const T* w, const ConvGeometry& g) {
  const Taps taps = forward_taps(g);
  if (!taps.fits()) return false;
  if (taps.count() == 0) return std::fill_n(y, g.batch * g.out_channels * g.out_plane(), T()), true;
  const bool whole = taps.count() == g.kernel_size();
  const int64_t inputs = g.in_channels / g.groups;
  const Scratch room(whole ? 0 : static_cast<size_t>(g.out_channels * inputs * taps.count()) * sizeof(T));
  if (!whole) {
    for_each_weight(g, taps, false, [to = room.as<T>(), w](int64_t place, int64_t i) { to[place] = w[i]; });
  }
  const ForwardProduct<T> product(g.batch, g.groups, inputs, g.out_channels / g.groups, taps);
  product.run({y, g.out_channels * g.out_plane(), g.out_plane(), {g.out[1] * g.out[2], g.out[2], 1}}, x,
              whole ? w : room.as<T>());
  return true;
}

template <class T>
bool conv_input_gradient(T* gx, const T* gy, const T* w, const ConvGeometry& g) {
  const int64_t inputs = g.in_channels / g.groups, outputs = g.out_channels / g.groups;
  if (inputs < 4 * ConvGeometry::product(g.stride) && ConvGeometry::product(g.stride) > 1) return false;
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
    const Scratch room(static_cast<size_t>(g.in_channels * outputs * taps.count()) * sizeof(T));
    for_each_weight(g, taps, true, [to = room.as<T>(), w](int64_t place, int64_t i) { to[place] = w[i]; });
    const int64_t first = (phase[0] * g.in[1] + phase[1]) * g.in[2] + phase[2];
    const ForwardProduct<T> product(g.batch, g.groups, outputs, inputs, taps);
    product.run({gx + first, g.in_channels * g.in_plane(), g.in_plane(),
                 {g.stride[0] * g.in[1] * g.in[2], g.stride[1] * g.in[2], g.stride[2]}},
                gy, room.as<T>());
  });
  return true;
}

template <class T>
bool conv_weight_gradient(T* gw, const T* gy, const T* x, const ConvGeometry& g) {
  const Taps taps = forward_taps(g);
  if (!taps.fits()) return false;
  const bool whole = taps.count() == g.kernel_size();
  if (!whole) std::fill_n(gw, g.out_channels * (g.in_channels / g.groups) * g.kernel_size(), T());
  if (taps.count() == 0) return true;
  const int64_t inputs = g.in_channels / g.groups;
  const Scratch room(whole ? 0 : static_cast<size_t>(g.out_channels * inputs * taps.count()) * sizeof(T));
  GradientProduct<T>(g, taps).run(whole ? gw : room.as<T>(), gy, x);
  if (!whole) {
    for_each_weight(g, taps, false, [gw, from = room.as<T>()](int64_t place, int64_t i) { gw[i] = from[place]; });
  }
  return true;
}

template bool conv_forward(float*, const float*, const float*, const ConvGeometry&);
template bool conv_forward(double*, const double*, const double*, const ConvGeometry&);
template bool conv_input_gradient(float*, const float*, const float*, const ConvGeometry&);
template bool conv_input_gradient(double*, const double*, const double*, const ConvGeometry&);
template bool conv_weight_gradient(float*, const float*, const float*, const ConvGeometry&);
template bool conv_weight_gradient(double*, const double*, const double*, const ConvGeometry&);

}  // namespace tenon::cpu
