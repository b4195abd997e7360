// Resampling; see resampling.h.
#include "tenon/nn/resampling.h"

#include <ostream>

#include "nn/define.h"
#include "tenon/ops/ops.h"

namespace tenon::nn {
namespace functional {
namespace {

template <class T>
void check_count(const char* name, const std::vector<T>& values, size_t dims) {
  TENON_CHECK_VALUE(values.size() == dims, "interpolate: ", name, " must have one entry for each of the ", dims,
                    " spatial dims, got ", ArrayRef<T>(values));
}

// The place of `word` in `known`.
int64_t place_of(const char* name, std::string_view word, std::initializer_list<std::string_view> known) {
  const auto* found = std::find(known.begin(), known.end(), word);
  TENON_CHECK_VALUE(found != known.end(), "grid_sample: expected ", name, " to be one of ",
                    ArrayRef<std::string_view>(known), ", got '", word, "'");
  return found - known.begin();
}

}  // namespace

Tensor interpolate(const Tensor& input, const InterpolateFuncOptions& options) {
  const std::string_view mode = options.mode();
  const bool plain = mode == kNearest || mode == kNearestExact || mode == kArea;
  TENON_CHECK_VALUE(!plain || !options.align_corners(), "interpolate: align_corners has no meaning for mode '", mode,
                    "'");
  TENON_CHECK_VALUE(options.size().has_value() != options.scale_factor().has_value(),
                    "interpolate: give one of size and scale_factor");
  const int64_t dims = input.dim() - 2;
  TENON_CHECK_AS(NotImplementedError, dims >= 1 && dims <= 3, "interpolate: mode '", mode,
                 "' does not take an input of ", input.dim(), " dims");
  const auto spatial = static_cast<size_t>(dims);
  optional<std::vector<int64_t>> size = options.size();
  optional<std::vector<double>> factor = options.scale_factor();
  const bool recompute = options.recompute_scale_factor().value_or(false);
  if (size) {
    check_count("size", *size, spatial);
    TENON_CHECK_VALUE(!recompute, "interpolate: recompute_scale_factor is not meaningful with an explicit size");
  } else {
    check_count("scale_factor", *factor, spatial);
    if (recompute || mode == kArea) {
      size.emplace();
      for (size_t d = 0; d < spatial; ++d) {
        size->push_back(
            static_cast<int64_t>(static_cast<double>(input.size(static_cast<int64_t>(d) + 2)) * (*factor)[d]));
      }
      factor.reset();
    }
  }
  OptionalIntArrayRef sizes;
  if (size) sizes = *size;
  optional<FloatArrayRef> factors;
  if (factor) factors = *factor;
  const bool aligned = options.align_corners().value_or(false);
  TENON_CHECK_VALUE(!options.antialias() || ((mode == kBilinear || mode == kBicubic) && dims == 2),
                    "interpolate: antialias is for the modes bilinear and bicubic and a 4-d input");
  if (mode == kNearest) {
    return (dims == 1   ? upsample_nearest1d
            : dims == 2 ? upsample_nearest2d
                        : upsample_nearest3d)(input, sizes, factors);
  }
  if (mode == kNearestExact) {
    return (dims == 1   ? _upsample_nearest_exact1d
            : dims == 2 ? _upsample_nearest_exact2d
                        : _upsample_nearest_exact3d)(input, sizes, factors);
  }
  if (mode == kArea) {
    return (dims == 1   ? tenon::adaptive_avg_pool1d
            : dims == 2 ? tenon::adaptive_avg_pool2d
                        : tenon::adaptive_avg_pool3d)(input, *size);
  }
  if (mode == kLinear && dims == 1) return upsample_linear1d(input, sizes, aligned, factors);
  if (mode == kTrilinear && dims == 3) return upsample_trilinear3d(input, sizes, aligned, factors);
  if (mode == kBilinear && dims == 2) {
    return options.antialias() ? _upsample_bilinear2d_aa(input, sizes, aligned, factors)
                               : upsample_bilinear2d(input, sizes, aligned, factors);
  }
  if (mode == kBicubic && dims == 2) {
    return options.antialias() ? _upsample_bicubic2d_aa(input, sizes, aligned, factors)
                               : upsample_bicubic2d(input, sizes, aligned, factors);
  }
  tenon::detail::fail<NotImplementedError>("interpolate: mode '", mode, "' does not take an input of ", input.dim(),
                                           " dims");
}

Tensor grid_sample(const Tensor& input, const Tensor& grid, const GridSampleFuncOptions& options) {
  return grid_sampler(input, grid, place_of("mode", options.mode(), {kBilinear, kNearest, kBicubic}),
                      place_of("padding_mode", options.padding_mode(), {kZeros, kBorder, kReflection}),
                      options.align_corners().value_or(false));
}

Tensor affine_grid(const Tensor& theta, IntArrayRef size, bool align_corners) {
  return affine_grid_generator(theta, size, align_corners);
}

Tensor pixel_shuffle(const Tensor& input, const PixelShuffleFuncOptions& options) {
  return tenon::pixel_shuffle(input, options.upscale_factor());
}

Tensor pixel_unshuffle(const Tensor& input, const PixelUnshuffleFuncOptions& options) {
  return tenon::pixel_unshuffle(input, options.downscale_factor());
}

Tensor channel_shuffle(const Tensor& input, const ChannelShuffleOptions& options) {
  return tenon::channel_shuffle(input, options.groups());
}

Tensor fold(const Tensor& input, const FoldFuncOptions& options) {
  return tenon::fold(input, options.output_size(), options.kernel_size(), options.dilation(), options.padding(),
                     options.stride());
}

Tensor unfold(const Tensor& input, const UnfoldFuncOptions& options) {
  return tenon::unfold(input, options.kernel_size(), options.dilation(), options.padding(), options.stride());
}

}  // namespace functional

UpsampleImpl::UpsampleImpl(Options options) : options(std::move(options)) {}

void UpsampleImpl::pretty_print(std::ostream& stream) const {
  stream << "torch::nn::Upsample(";
  if (options.scale_factor()) {
    stream << "scale_factor=" << FloatArrayRef(*options.scale_factor());
  } else if (options.size()) {
    stream << "size=" << IntArrayRef(*options.size());
  }
  stream << ", mode=" << constant_name(options.mode()) << ")";
}

Tensor UpsampleImpl::forward(const Tensor& input) {
  return functional::interpolate(input, functional::InterpolateFuncOptions()
                                            .size(options.size())
                                            .scale_factor(options.scale_factor())
                                            .mode(options.mode())
                                            .align_corners(options.align_corners()));
}

TENON_LAYER(PixelShuffle, functional::pixel_shuffle(input, options),
            "upscale_factor=" << options.upscale_factor() << ")")
TENON_LAYER(PixelUnshuffle, functional::pixel_unshuffle(input, options),
            "downscale_factor=" << options.downscale_factor() << ")")
TENON_LAYER(ChannelShuffle, functional::channel_shuffle(input, options), "groups=" << options.groups() << ")")
TENON_LAYER(Fold, functional::fold(input, options),
            "output_size=" << options.output_size() << ", kernel_size=" << options.kernel_size()
                           << ", dilation=" << options.dilation() << ", padding=" << options.padding()
                           << ", stride=" << options.stride() << ")")
TENON_LAYER(Unfold, functional::unfold(input, options),
            "kernel_size=" << options.kernel_size() << ", dilation=" << options.dilation()
                           << ", padding=" << options.padding() << ", stride=" << options.stride() << ")")

}  // namespace tenon::nn
