// Images and volumes of another size. Each dim is a sparse matrix that multiplies every line along it, so the gradient
// is the same with the matrices transposed, and the gradient's gradient the same again.
#include <array>
#include <cmath>
#include <memory>
#include <vector>

#include "autograd/record.h"
#include "backend/kernels_of.h"
#include "ops/promotion.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"
#include "tensor/make.h"

namespace tenon {
namespace {

// A line has fewer elements than this, so that kernels can number them.
constexpr int64_t kMostElements = int64_t{1} << 31;

// The sparse matrix of one dim; see ResampleDim.
struct Taps {
  int64_t in = 1, out = 1;
  std::vector<int64_t> start, offset{0};
  std::vector<double> weights;

  void add(int64_t first, const double* from, int64_t count) {
    start.push_back(first);
    weights.insert(weights.end(), from, from + count);
    offset.push_back(static_cast<int64_t>(weights.size()));
  }

  bool changes_nothing() const {
    if (in != out || static_cast<int64_t>(weights.size()) != out) return false;
    for (size_t i = 0; i < start.size(); ++i) {
      if (start[i] != static_cast<int64_t>(i) || offset[i] != static_cast<int64_t>(i) || weights[i] != 1) return false;
    }
    return true;
  }

  ResampleDim dim() const {
    if (changes_nothing()) return {.in = in, .out = out};
    return {in, out, start.data(), offset.data(), weights.data()};
  }
};

Taps transposed(const Taps& taps) {
  std::vector<int64_t> first(static_cast<size_t>(taps.in), taps.out), last(static_cast<size_t>(taps.in), 0);
  for (size_t o = 0; o < taps.start.size(); ++o) {
    for (int64_t k = taps.offset[o]; k < taps.offset[o + 1]; ++k) {
      const auto i = static_cast<size_t>(taps.start[o] + k - taps.offset[o]);
      first[i] = std::min(first[i], static_cast<int64_t>(o));
      last[i] = std::max(last[i], static_cast<int64_t>(o) + 1);
    }
  }
  Taps result{taps.out, taps.in, {}, {0}, {}};
  for (size_t i = 0; i < first.size(); ++i) {
    result.start.push_back(std::min(first[i], last[i]));
    result.offset.push_back(result.offset.back() + last[i] - result.start.back());
  }
  result.weights.assign(static_cast<size_t>(result.offset.back()), 0);
  for (size_t o = 0; o < taps.start.size(); ++o) {
    for (int64_t k = taps.offset[o]; k < taps.offset[o + 1]; ++k) {
      const auto i = static_cast<size_t>(taps.start[o] + k - taps.offset[o]);
      const int64_t at = result.offset[i] + static_cast<int64_t>(o) - result.start[i];
      result.weights[static_cast<size_t>(at)] = taps.weights[static_cast<size_t>(k)];
    }
  }
  return result;
}

using AllTaps = std::array<Taps, 3>;

// The input's planes as the kernels read them: [samples, channels, space], or [samples, space, channels].
struct Planes {
  bool channels_last;
  Tensor tensor;
};

Planes planes_of(const Tensor& input) {
  const MemoryFormat format = input.dim() == 5 ? MemoryFormat::ChannelsLast3d : MemoryFormat::ChannelsLast;
  if (input.dim() > 3 && !input.is_contiguous() && input.is_contiguous(format)) {
    return {true, input.movedim(1, -1)};
  }
  return {false, input.contiguous()};
}

Tensor resample(const char* op, const Tensor& input, std::shared_ptr<const AllTaps> taps) {
  Tensor result;
  {
    NoGradGuard no_grad;
    const Planes planes = planes_of(to_dtype(input, compute_dtype(input.dtype())));
    const Tensor& x = planes.tensor;
    const size_t dims = x.sizes().size() - 2, lead = planes.channels_last ? 1 : 2;
    ResampleGeometry g{checked_numel(input.sizes().slice(0, lead), op), {}, planes.channels_last ? input.size(1) : 1};
    DimVector sizes = x.sizes();
    for (size_t d = 0; d < dims; ++d) {
      g.dims[d] = (*taps)[d].dim();
      sizes[lead + d] = g.dims[d].out;
      TENON_CHECK(checked_mul(g.dims[d].in, g.inner, op) < kMostElements, op, ": input of shape ", input.sizes(),
                  " has too long lines");
    }
    result = make_tensor(sizes, x.dtype(), x.device(), op);
    if (result.numel() > 0) {
      kernels_of<&Backend::resample>(x.device(), op).resample(view_of(result), view_of(x), g);
    }
    if (planes.channels_last) result = result.movedim(-1, 1);
    result = to_dtype(result, input.dtype());
    result = make_alias(result, result.sizes(), result.strides(), result.storage_offset());
  }
  return record(op, result, {&input}, {}, [op, taps](const BackwardContext& ctx) -> Grads {
    AllTaps back;
    for (size_t d = 0; d < back.size(); ++d) back[d] = transposed((*taps)[d]);
    return {resample(op, ctx.grad(), std::make_shared<const AllTaps>(std::move(back)))};
  });
}

// --- the weights

enum class Filter { Nearest, NearestExact, Linear, Cubic, WideLinear, WideCubic };

struct Sampling {
  int64_t in, out;
  bool align_corners;
  optional<double> factor;

  // How many input elements lie between two samples.
  double scale() const {
    if (align_corners) return out > 1 ? static_cast<double>(in - 1) / static_cast<double>(out - 1) : 0;
    return factor && *factor > 0 ? 1 / *factor : static_cast<double>(in) / static_cast<double>(out);
  }
};

double triangle(double x) { return std::max(0.0, 1 - std::abs(x)); }

double cubic(double x, double a) {
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((x - 5) * x + 8) * x * a - 4 * a : 0;
}

// Which element is nearest decides in single precision, whatever the dtype: other rounding would give other elements.
int64_t nearest(const Sampling& s, int64_t i, bool exact) {
  const float scale = s.factor && *s.factor > 0 ? static_cast<float>(1 / *s.factor)
                                                : static_cast<float>(s.in) / static_cast<float>(s.out);
  if (!exact && s.in == s.out) return i;
  const float place = std::floor((static_cast<float>(i) + (exact ? 0.5f : 0.0f)) * scale);
  return place < static_cast<float>(s.in) ? std::min(static_cast<int64_t>(place), s.in - 1) : s.in - 1;
}

// Taps around a place between elements; those outside of the input count for the elements at its ends.
void add_narrow(Taps& taps, const Sampling& s, int64_t i, bool is_cubic) {
  const auto at = static_cast<double>(i);
  double place = s.align_corners ? s.scale() * at : s.scale() * (at + 0.5) - 0.5;
  if (!is_cubic) place = std::max(place, 0.0);
  const double below = std::min(std::floor(place), static_cast<double>(s.in - 1));
  const double t = std::clamp(place - below, 0.0, 1.0);
  const int64_t reach = is_cubic ? 2 : 1, left = static_cast<int64_t>(below) - reach + 1;
  const int64_t first = std::clamp<int64_t>(left, 0, s.in - 1),
                last = std::clamp<int64_t>(left + 2 * reach - 1, 0, s.in - 1);
  double weights[4] = {};
  for (int64_t k = 0; k < 2 * reach; ++k) {
    const double distance = static_cast<double>(k + 1 - reach) - t;
    const int64_t to = std::clamp(left + k, first, last) - first;
    weights[to] += is_cubic ? cubic(distance, -0.75) : triangle(distance);
  }
  taps.add(first, weights, last - first + 1);
}

// Taps of a filter as wide as the distance of samples, where that is more than one element.
void add_wide(Taps& taps, const Sampling& s, int64_t i, bool is_cubic) {
  const double scale = s.scale(), stretch = std::max(scale, 1.0);
  const double reach = (is_cubic ? 2 : 1) * stretch, centre = scale * (static_cast<double>(i) + 0.5);
  // Nothing is below a place that is no number.
  auto bounded = [&](double place) {
    return place > 0 ? static_cast<int64_t>(std::min(place, static_cast<double>(s.in))) : int64_t{0};
  };
  const int64_t first = bounded(centre - reach + 0.5), last = bounded(centre + reach + 0.5);
  std::vector<double> weights;
  double total = 0;
  for (int64_t k = first; k < last; ++k) {
    const double distance = (static_cast<double>(k) - centre + 0.5) / stretch;
    weights.push_back(is_cubic ? cubic(distance, -0.5) : triangle(distance));
    total += weights.back();
  }
  for (double& weight : weights) weight /= total != 0 ? total : 1;
  taps.add(first, weights.data(), static_cast<int64_t>(weights.size()));
}

Taps taps_of(const Sampling& s, Filter filter) {
  Taps taps{s.in, s.out, {}, {0}, {}};
  constexpr double kOne = 1;
  for (int64_t i = 0; i < s.out; ++i) {
    switch (filter) {
      case Filter::Nearest:
      case Filter::NearestExact:
        taps.add(nearest(s, i, filter == Filter::NearestExact), &kOne, 1);
        break;
      case Filter::Linear:
      case Filter::Cubic:
        add_narrow(taps, s, i, filter == Filter::Cubic);
        break;
      default:
        add_wide(taps, s, i, filter == Filter::WideCubic);
    }
  }
  return taps;
}

// --- the ops

DimVector output_sizes(const char* op, const Tensor& input, size_t dims, OptionalIntArrayRef output_size,
                       optional<FloatArrayRef> factors) {
  TENON_CHECK(!factors || factors->size() == dims, op, ": scale_factors must have ", dims, " entries, got ",
              factors->size());
  if (output_size) {
    TENON_CHECK(output_size->size() == dims, op, ": output_size must have ", dims, " entries, got ", *output_size);
    return *output_size;
  }
  TENON_CHECK(factors.has_value(), op, ": Must specify exactly one of output_size and scale_factors");
  DimVector sizes;
  for (size_t d = 0; d < dims; ++d) {
    const double size = static_cast<double>(input.sizes()[d + 2]) * (*factors)[d];
    TENON_CHECK(std::abs(size) < static_cast<double>(kMostElements), op, ": scale_factor ", (*factors)[d], " of dim ",
                d + 2, " of shape ", input.sizes(), " is out of range");
    sizes.push_back(static_cast<int64_t>(size));
  }
  return sizes;
}

Tensor upsample(const char* op, size_t dims, Filter filter, const Tensor& input, OptionalIntArrayRef output_size,
                bool align_corners, optional<FloatArrayRef> factors) {
  TENON_CHECK(input.sizes().size() == dims + 2, op, ": expected an input of ", dims + 2, " dims, got shape ",
              input.sizes());
  const bool takes_bytes = filter == Filter::Nearest || filter == Filter::NearestExact || dims == 2;
  TENON_CHECK_AS(NotImplementedError, input.is_floating_point() || (takes_bytes && input.dtype() == kByte), op,
                 ": not implemented for ", input.dtype(), " tensors");
  const DimVector sizes = output_sizes(op, input, dims, output_size, factors);
  DimVector shape = input.sizes();
  std::vector<Sampling> samplings;
  for (size_t d = 0; d < dims; ++d) {
    const int64_t in = input.sizes()[d + 2];
    TENON_CHECK(in > 0 && sizes[d] > 0, op, ": Input and output sizes should be greater than 0, but got input (",
                input.sizes().slice(2), ") output (", sizes, ")");
    TENON_CHECK(sizes[d] < kMostElements, op, ": output size ", sizes, " is too large");
    const Sampling sampling{in, sizes[d], align_corners, factors ? optional<double>((*factors)[d]) : nullopt};
    TENON_CHECK(!sampling.factor || std::isfinite(sampling.scale()), op, ": scale factor ", *sampling.factor,
                " is out of range");
    samplings.push_back(sampling);
    shape[d + 2] = sizes[d];
  }
  // Whether the result fits into memory is known before its weights are made.
  const Tensor room = make_tensor(shape, compute_dtype(input.dtype()), input.device(), op);
  if (room.numel() == 0) return input.reshape(shape).clone();
  auto taps = std::make_shared<AllTaps>();
  for (size_t d = 0; d < dims; ++d) (*taps)[d] = taps_of(samplings[d], filter);
  return resample(op, input, std::move(taps));
}

}  // namespace

#define TENON_NEAREST(dims)                                                                                         \
  Tensor upsample_nearest##dims##d(const Tensor& input, OptionalIntArrayRef output_size,                            \
                                   optional<FloatArrayRef> scale_factors) {                                         \
    return upsample("upsample_nearest" #dims "d", dims, Filter::Nearest, input, output_size, false, scale_factors); \
  }                                                                                                                 \
  Tensor _upsample_nearest_exact##dims##d(const Tensor& input, OptionalIntArrayRef output_size,                     \
                                          optional<FloatArrayRef> scale_factors) {                                  \
    return upsample("_upsample_nearest_exact" #dims "d", dims, Filter::NearestExact, input, output_size, false,     \
                    scale_factors);                                                                                 \
  }
TENON_NEAREST(1)
TENON_NEAREST(2)
TENON_NEAREST(3)
#undef TENON_NEAREST

#define TENON_UPSAMPLE(name, dims, filter)                                                          \
  Tensor name(const Tensor& input, OptionalIntArrayRef output_size, bool align_corners,             \
              optional<FloatArrayRef> scale_factors) {                                              \
    return upsample(#name, dims, Filter::filter, input, output_size, align_corners, scale_factors); \
  }
TENON_UPSAMPLE(upsample_linear1d, 1, Linear)
TENON_UPSAMPLE(upsample_bilinear2d, 2, Linear)
TENON_UPSAMPLE(upsample_trilinear3d, 3, Linear)
TENON_UPSAMPLE(upsample_bicubic2d, 2, Cubic)
TENON_UPSAMPLE(_upsample_bilinear2d_aa, 2, WideLinear)
TENON_UPSAMPLE(_upsample_bicubic2d_aa, 2, WideCubic)
#undef TENON_UPSAMPLE

Tensor _upsample_bilinear2d_aa(const Tensor& input, IntArrayRef output_size, bool align_corners,
                               optional<double> scales_h, optional<double> scales_w) {
  // A factor of zero counts as none.
  const double factors[] = {scales_h.value_or(0), scales_w.value_or(0)};
  return _upsample_bilinear2d_aa(input, OptionalIntArrayRef(output_size), align_corners, FloatArrayRef(factors, 2));
}

}  // namespace tenon
