// The gradient for the weight: blocks of positions are unfolded into rows, one for each tap of some channels, and
// multiplied with the output's gradient. Sums over parts of the blocks are added up in their order.
#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "backend/cpu/conv_parts.h"
#include "backend/cpu/conv_product.h"
#include "backend/cpu/conv_taps.h"
#include "backend/cpu/scratch.h"

namespace tenon::cpu {
namespace {

// Positions of a block, and taps of a task.
constexpr int64_t kGradientPositions = 256;
constexpr int64_t kGradientTaps = 288;
// Up to so many output channels of a group, it is a table of dot products.
constexpr int64_t kDotOutputs = 8;

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
      conv_copies(T{}).rows(unfolded.as<T>(), row_size, values.as<T>(), tap_places.data(), rows, pieces.data(),
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
      gemm_packers(T{}).rhs(packed.as<T>(), gradient, outputs_, block.size(), stride, 1);
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

  const GemmKernels<T>& kernel_ = gemm_kernels(T{});
  const ConvGeometry& g_;
  const int64_t inputs_, outputs_;
  const Taps& taps_;
  const Blocks blocks_;
  const Cuts ranges_, slices_;
};

}  // namespace

template <class T>
bool conv_weight_gradient(T* gw, const T* gy, const T* x, const ConvGeometry& geometry) {
  const ConvGeometry g = with_outer_dims(geometry);
  const Taps taps = forward_taps(g);
  if (!taps.fits() || is_better_by_sample(g, g.out_plane())) return false;
  if (taps.count() < g.kernel_size()) {
    std::fill_n(gw, g.out_channels * (g.in_channels / g.groups) * g.kernel_size(), T());
  }
  if (taps.count() > 0) GradientProduct<T>(g, taps).run(gw, gy, x);
  return true;
}

template bool conv_weight_gradient(float*, const float*, const float*, const ConvGeometry&);
template bool conv_weight_gradient(double*, const double*, const double*, const ConvGeometry&);

}  // namespace tenon::cpu
