// The words that functions and options of nn take, as constants: kMean, kReflect, kBilinear, ...
#pragma once

#include <string_view>

namespace tenon {

inline constexpr std::string_view kFanIn = "fan_in", kFanOut = "fan_out";
inline constexpr std::string_view kLinear = "linear", kConv1D = "conv1d", kConv2D = "conv2d", kConv3D = "conv3d",
                                  kConvTranspose1D = "conv_transpose1d", kConvTranspose2D = "conv_transpose2d",
                                  kConvTranspose3D = "conv_transpose3d", kSigmoid = "sigmoid", kTanh = "tanh",
                                  kReLU = "relu", kGELU = "gelu", kSiLU = "silu", kMish = "mish",
                                  kLeakyReLU = "leaky_relu", kSELU = "selu";
// Reductions of losses and embedding bags.
inline constexpr std::string_view kNone = "none", kMean = "mean", kSum = "sum", kBatchMean = "batchmean", kMax = "max";
// What lies outside of an image.
inline constexpr std::string_view kConstant = "constant", kReflect = "reflect", kReplicate = "replicate",
                                  kCircular = "circular", kZeros = "zeros", kBorder = "border",
                                  kReflection = "reflection";
// Paddings of a convolution.
inline constexpr std::string_view kValid = "valid", kSame = "same";
// Interpolations.
inline constexpr std::string_view kNearest = "nearest", kNearestExact = "nearest-exact", kBilinear = "bilinear",
                                  kBicubic = "bicubic", kTrilinear = "trilinear", kArea = "area";
// Recurrent networks.
inline constexpr std::string_view kRNN_TANH = "RNN_TANH", kRNN_RELU = "RNN_RELU", kLSTM = "LSTM", kGRU = "GRU";

}  // namespace tenon
