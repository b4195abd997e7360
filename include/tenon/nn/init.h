// nn::init: initial values of parameters. Each function fills its tensor without recording and returns it; after
// manual_seed the values are PyTorch's.
#pragma once

#include <string_view>
#include <utility>

#include "tenon/nn/names.h"
#include "tenon/ops/ops.h"

namespace tenon::nn::init {

using FanModeType = std::string_view;
using NonlinearityType = std::string_view;
using MaybeGenerator = optional<Generator>;

TENON_API const Tensor& uniform_(const Tensor& tensor, double low = 0, double high = 1,
                                 const MaybeGenerator& generator = nullopt);
TENON_API const Tensor& normal_(const Tensor& tensor, double mean = 0, double std = 1,
                                const MaybeGenerator& generator = nullopt);
// Normal numbers of which those outside [a, b] are drawn again.
TENON_API const Tensor& trunc_normal_(const Tensor& tensor, double mean = 0, double std = 1, double a = -2,
                                      double b = 2, const MaybeGenerator& generator = nullopt);
TENON_API const Tensor& constant_(const Tensor& tensor, const Scalar& value);
TENON_API const Tensor& ones_(const Tensor& tensor);
TENON_API const Tensor& zeros_(const Tensor& tensor);
// The identity, of a matrix.
TENON_API const Tensor& eye_(const Tensor& matrix);
// Convolution weights that pass as many channels through as there are, in each group.
TENON_API const Tensor& dirac_(const Tensor& tensor, int64_t groups = 1);
// Bounds and deviations that keep the variance of activations, after Glorot and Bengio (xavier) and He et al.
// (kaiming).
TENON_API const Tensor& xavier_uniform_(const Tensor& tensor, double gain = 1,
                                        const MaybeGenerator& generator = nullopt);
TENON_API const Tensor& xavier_normal_(const Tensor& tensor, double gain = 1,
                                       const MaybeGenerator& generator = nullopt);
TENON_API const Tensor& kaiming_uniform_(const Tensor& tensor, double a = 0, FanModeType mode = kFanIn,
                                         NonlinearityType nonlinearity = kLeakyReLU,
                                         const MaybeGenerator& generator = nullopt);
TENON_API const Tensor& kaiming_normal_(const Tensor& tensor, double a = 0, FanModeType mode = kFanIn,
                                        NonlinearityType nonlinearity = kLeakyReLU,
                                        const MaybeGenerator& generator = nullopt);
// Normal numbers, of which the fraction `sparsity` of each column is zeroed.
TENON_API const Tensor& sparse_(const Tensor& matrix, double sparsity, double std = 0.01,
                                const MaybeGenerator& generator = nullopt);
// A matrix (of the dims after the first as one) with orthonormal rows or columns, after Saxe et al.
TENON_API const Tensor& orthogonal_(const Tensor& tensor, double gain = 1, const MaybeGenerator& generator = nullopt);

// By how much a nonlinearity shrinks the deviation of what passes it; `param` is the slope of leaky_relu.
TENON_API double calculate_gain(NonlinearityType nonlinearity, double param = 0.01);
// How many inputs and outputs each element of a weight's result has.
TENON_API std::pair<int64_t, int64_t> _calculate_fan_in_and_fan_out(const Tensor& tensor);

}  // namespace tenon::nn::init
