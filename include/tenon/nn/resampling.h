// Images of other sizes, pixel and channel shuffles, windows as columns, and values at given places: options, functions
// and modules.
#pragma once

#include <vector>

#include "tenon/nn/layer.h"

namespace tenon::nn {

struct UpsampleOptions {
  TENON_ARG(optional<std::vector<int64_t>>, size);
  TENON_ARG(optional<std::vector<double>>, scale_factor);
  TENON_ARG(std::string_view, mode) = kNearest;
  TENON_ARG(optional<bool>, align_corners);
};
struct PixelShuffleOptions {
  PixelShuffleOptions(int64_t upscale_factor) : upscale_factor_(upscale_factor) {}
  TENON_ARG(int64_t, upscale_factor);
};
struct PixelUnshuffleOptions {
  PixelUnshuffleOptions(int64_t downscale_factor) : downscale_factor_(downscale_factor) {}
  TENON_ARG(int64_t, downscale_factor);
};
struct ChannelShuffleOptions {
  ChannelShuffleOptions(int64_t groups) : groups_(groups) {}
  TENON_ARG(int64_t, groups);
};
struct FoldOptions {
  FoldOptions(ExpandingArray<2> output_size, ExpandingArray<2> kernel_size)
      : output_size_(output_size), kernel_size_(kernel_size) {}
  TENON_ARG(ExpandingArray<2>, output_size);
  TENON_ARG(ExpandingArray<2>, kernel_size);
  TENON_ARG(ExpandingArray<2>, dilation) = 1;
  TENON_ARG(ExpandingArray<2>, padding) = 0;
  TENON_ARG(ExpandingArray<2>, stride) = 1;
};
struct UnfoldOptions {
  UnfoldOptions(ExpandingArray<2> kernel_size) : kernel_size_(kernel_size) {}
  TENON_ARG(ExpandingArray<2>, kernel_size);
  TENON_ARG(ExpandingArray<2>, dilation) = 1;
  TENON_ARG(ExpandingArray<2>, padding) = 0;
  TENON_ARG(ExpandingArray<2>, stride) = 1;
};

namespace functional {

struct InterpolateFuncOptions {
  TENON_ARG(optional<std::vector<int64_t>>, size);
  TENON_ARG(optional<std::vector<double>>, scale_factor);
  TENON_ARG(std::string_view, mode) = kNearest;
  TENON_ARG(optional<bool>, align_corners);
  TENON_ARG(optional<bool>, recompute_scale_factor);
  TENON_ARG(bool, antialias) = false;
};
struct GridSampleFuncOptions {
  TENON_ARG(std::string_view, mode) = kBilinear;
  TENON_ARG(std::string_view, padding_mode) = kZeros;
  TENON_ARG(optional<bool>, align_corners);
};
using PixelShuffleFuncOptions = PixelShuffleOptions;
using PixelUnshuffleFuncOptions = PixelUnshuffleOptions;
using FoldFuncOptions = FoldOptions;
using UnfoldFuncOptions = UnfoldOptions;

TENON_API Tensor interpolate(const Tensor& input, const InterpolateFuncOptions& options = {});
TENON_API Tensor grid_sample(const Tensor& input, const Tensor& grid, const GridSampleFuncOptions& options = {});
TENON_API Tensor affine_grid(const Tensor& theta, IntArrayRef size, bool align_corners = false);
TENON_API Tensor pixel_shuffle(const Tensor& input, const PixelShuffleFuncOptions& options);
TENON_API Tensor pixel_unshuffle(const Tensor& input, const PixelUnshuffleFuncOptions& options);
TENON_API Tensor channel_shuffle(const Tensor& input, const ChannelShuffleOptions& options);
TENON_API Tensor fold(const Tensor& input, const FoldFuncOptions& options);
TENON_API Tensor unfold(const Tensor& input, const UnfoldFuncOptions& options);

}  // namespace functional

TENON_SIMPLE_LAYER(Upsample, UpsampleImpl() : UpsampleImpl(Options()){});
// With the mode chosen.
#define TENON_UPSAMPLING(Name, ...)                                                \
  class Name : public Upsample {                                                   \
   public:                                                                         \
    Name(std::nullptr_t) : Upsample(nullptr) {}                                    \
    explicit Name(UpsampleOptions options = {}) : Upsample(options.__VA_ARGS__) {} \
  }
TENON_UPSAMPLING(UpsamplingNearest2d, mode(kNearest));
TENON_UPSAMPLING(UpsamplingBilinear2d, mode(kBilinear).align_corners(true));
#undef TENON_UPSAMPLING
TENON_SIMPLE_LAYER(PixelShuffle);
TENON_SIMPLE_LAYER(PixelUnshuffle);
TENON_SIMPLE_LAYER(ChannelShuffle);
TENON_SIMPLE_LAYER(Fold);
TENON_SIMPLE_LAYER(Unfold);

}  // namespace tenon::nn
