// Which taps of a kernel meet more than padding, and where their weights are.
#include "backend/cpu/conv_taps.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace tenon::cpu {
namespace {

// A window of more than so many times the input and the output, or what the taps meet, is not worth its room, unless it
// is small. Nor are panels of more than so many taps of a channel.
constexpr double kMostPadding = 4;
constexpr double kSmallWindow = 256;
constexpr int64_t kMostTaps = 4096;
// A sample of so large a plane makes a good product by itself; one of so few positions repays no packing.
constexpr int64_t kLargePlane = 100;
constexpr int64_t kFewPositions = 128;

}  // namespace

void Taps::trim() {
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

bool Taps::fits() const {
  double window = 1, input = 1;
  for (const ConvDim& dim : dims) {
    if (dim.taps == 0) return true;
    window *= static_cast<double>(dim.extent());
    input *= static_cast<double>(dim.in);
  }
  const double output = static_cast<double>(plane()), columns = output * static_cast<double>(count());
  return count() <= kMostTaps && window <= kMostPadding * std::min(input + output, columns) + kSmallWindow;
}

Taps forward_taps(const ConvGeometry& g) {
  Taps taps{};
  for (size_t d = 0; d < 3; ++d) {
    taps.dims[d] = {g.in[d], g.out[d], g.stride[d], -g.padding[d], g.kernel[d], g.dilation[d]};
    taps.elements[d] = {0, 1};
  }
  taps.trim();
  return taps;
}

Taps backward_taps(const ConvGeometry& g, const std::array<int64_t, 3>& phase) {
  Taps taps{};
  for (size_t d = 0; d < 3; ++d) {
    const int64_t stride = g.stride[d], common = std::gcd(stride, g.dilation[d]), period = stride / common;
    const int64_t at = phase[d] + g.padding[d];
    const auto serves = [&](int64_t element) { return (at - element * g.dilation[d]) % stride == 0; };
    int64_t first = 0;
    while (first < std::min(period, g.kernel[d]) && !serves(first)) ++first;
    const int64_t count = first < std::min(period, g.kernel[d]) ? (g.kernel[d] - 1 - first) / period + 1 : 0;
    const int64_t last = first + std::max<int64_t>(count - 1, 0) * period;
    const int64_t positions = (g.in[d] - 1 - phase[d]) / stride + 1;
    taps.dims[d] = {g.out[d], positions, 1, (at - last * g.dilation[d]) / stride, count, g.dilation[d] / common};
    taps.elements[d] = {last, -period};
  }
  taps.trim();
  return taps;
}

ConvGeometry with_outer_dims(ConvGeometry g) {
  const auto is_point = [&g](size_t d) { return g.in[d] == 1 && g.kernel[d] == 1 && g.padding[d] == 0; };
  const auto swap_dims = [&g](size_t a, size_t b) {
    for (auto* of_dims : {&g.in, &g.out, &g.kernel, &g.stride, &g.padding, &g.dilation}) {
      std::swap((*of_dims)[a], (*of_dims)[b]);
    }
  };
  if (is_point(2)) swap_dims(2, is_point(1) ? 0 : 1);
  if (is_point(0)) swap_dims(0, 1);
  return g;
}

bool is_plain(const ConvGeometry& g) {
  return g.kernel_size() == 1 && g.in == g.out && g.stride == std::array<int64_t, 3>{1, 1, 1};
}

bool is_better_by_sample(const ConvGeometry& g, int64_t plane) {
  return (is_plain(g) && plane >= kLargePlane) || (g.batch == 1 && plane < kFewPositions);
}

TapWeights::TapWeights(const ConvGeometry& g, const Taps& taps, bool by_input) {
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

}  // namespace tenon::cpu
