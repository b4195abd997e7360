// Pooling: options, functions and modules.
#pragma once

#include <tuple>
#include <vector>

#include "tenon/nn/layer.h"

namespace tenon::nn {

template <size_t D>
struct AvgPoolOptions {
  AvgPoolOptions(ExpandingArray<D> kernel_size) : kernel_size_(kernel_size), stride_(kernel_size) {}
  TENON_ARG(ExpandingArray<D>, kernel_size);
  TENON_ARG(ExpandingArray<D>, stride);
  TENON_ARG(ExpandingArray<D>, padding) = 0;
  TENON_ARG(bool, ceil_mode) = false;
  TENON_ARG(bool, count_include_pad) = true;
  TENON_ARG(optional<int64_t>, divisor_override);
};
template <size_t D>
struct MaxPoolOptions {
  MaxPoolOptions(ExpandingArray<D> kernel_size) : kernel_size_(kernel_size), stride_(kernel_size) {}
  TENON_ARG(ExpandingArray<D>, kernel_size);
  TENON_ARG(ExpandingArray<D>, stride);
  TENON_ARG(ExpandingArray<D>, padding) = 0;
  TENON_ARG(ExpandingArray<D>, dilation) = 1;
  TENON_ARG(bool, ceil_mode) = false;
};
// An open size is that of the input.
template <class Sizes>
struct AdaptivePoolOptions {
  AdaptivePoolOptions(Sizes output_size) : output_size_(output_size) {}
  TENON_ARG(Sizes, output_size);
};
template <size_t D>
struct MaxUnpoolOptions {
  MaxUnpoolOptions(ExpandingArray<D> kernel_size) : kernel_size_(kernel_size), stride_(kernel_size) {}
  TENON_ARG(ExpandingArray<D>, kernel_size);
  TENON_ARG(ExpandingArray<D>, stride);
  TENON_ARG(ExpandingArray<D>, padding) = 0;
};
template <size_t D>
struct FractionalMaxPoolOptions {
  using ExpandingArrayDouble = ExpandingArray<D, double>;
  FractionalMaxPoolOptions(ExpandingArray<D> kernel_size) : kernel_size_(kernel_size) {}
  TENON_ARG(ExpandingArray<D>, kernel_size);
  TENON_ARG(optional<ExpandingArray<D>>, output_size);
  TENON_ARG(optional<ExpandingArrayDouble>, output_ratio);
  TENON_ARG(Tensor, _random_samples);
};
template <size_t D>
struct LPPoolOptions {
  LPPoolOptions(double norm_type, ExpandingArray<D> kernel_size)
      : norm_type_(norm_type), kernel_size_(kernel_size), stride_(kernel_size) {}
  TENON_ARG(double, norm_type);
  TENON_ARG(ExpandingArray<D>, kernel_size);
  TENON_ARG(ExpandingArray<D>, stride);
  TENON_ARG(bool, ceil_mode) = false;
};

#define TENON_POOL_OPTIONS(D, AdaptiveSizes)                               \
  using AvgPool##D##dOptions = AvgPoolOptions<D>;                          \
  using MaxPool##D##dOptions = MaxPoolOptions<D>;                          \
  using AdaptiveMaxPool##D##dOptions = AdaptivePoolOptions<AdaptiveSizes>; \
  using AdaptiveAvgPool##D##dOptions = AdaptivePoolOptions<AdaptiveSizes>; \
  using MaxUnpool##D##dOptions = MaxUnpoolOptions<D>;                      \
  using LPPool##D##dOptions = LPPoolOptions<D>
TENON_POOL_OPTIONS(1, ExpandingArray<1>);
TENON_POOL_OPTIONS(2, ExpandingArrayWithOptionalElem<2>);
TENON_POOL_OPTIONS(3, ExpandingArrayWithOptionalElem<3>);
#undef TENON_POOL_OPTIONS
using FractionalMaxPool2dOptions = FractionalMaxPoolOptions<2>;
using FractionalMaxPool3dOptions = FractionalMaxPoolOptions<3>;

namespace functional {

template <size_t D>
struct MaxUnpoolFuncOptions {
  MaxUnpoolFuncOptions(ExpandingArray<D> kernel_size) : kernel_size_(kernel_size), stride_(kernel_size) {}
  TENON_ARG(ExpandingArray<D>, kernel_size);
  TENON_ARG(ExpandingArray<D>, stride);
  TENON_ARG(ExpandingArray<D>, padding) = 0;
  TENON_ARG(optional<std::vector<int64_t>>, output_size);
};

#define TENON_POOL(D)                                                                                             \
  using AvgPool##D##dFuncOptions = AvgPool##D##dOptions;                                                          \
  using MaxPool##D##dFuncOptions = MaxPool##D##dOptions;                                                          \
  using AdaptiveMaxPool##D##dFuncOptions = AdaptiveMaxPool##D##dOptions;                                          \
  using AdaptiveAvgPool##D##dFuncOptions = AdaptiveAvgPool##D##dOptions;                                          \
  using MaxUnpool##D##dFuncOptions = MaxUnpoolFuncOptions<D>;                                                     \
  using LPPool##D##dFuncOptions = LPPool##D##dOptions;                                                            \
  TENON_API Tensor avg_pool##D##d(const Tensor& input, const AvgPool##D##dFuncOptions& options);                  \
  TENON_API Tensor max_pool##D##d(const Tensor& input, const MaxPool##D##dFuncOptions& options);                  \
  TENON_API TwoTensors max_pool##D##d_with_indices(const Tensor& input, const MaxPool##D##dFuncOptions& options); \
  TENON_API Tensor adaptive_max_pool##D##d(const Tensor& input, const AdaptiveMaxPool##D##dFuncOptions& options); \
  TENON_API TwoTensors adaptive_max_pool##D##d_with_indices(const Tensor& input,                                  \
                                                            const AdaptiveMaxPool##D##dFuncOptions& options);     \
  TENON_API Tensor adaptive_avg_pool##D##d(const Tensor& input, const AdaptiveAvgPool##D##dFuncOptions& options); \
  TENON_API Tensor max_unpool##D##d(const Tensor& input, const Tensor& indices,                                   \
                                    const MaxUnpool##D##dFuncOptions& options);                                   \
  TENON_API Tensor lp_pool##D##d(const Tensor& input, const LPPool##D##dFuncOptions& options)
TENON_POOL(1);
TENON_POOL(2);
TENON_POOL(3);
#undef TENON_POOL
#define TENON_FRACTIONAL(D)                                                                                           \
  using FractionalMaxPool##D##dFuncOptions = FractionalMaxPool##D##dOptions;                                          \
  TENON_API Tensor fractional_max_pool##D##d(const Tensor& input, const FractionalMaxPool##D##dFuncOptions& options); \
  TENON_API TwoTensors fractional_max_pool##D##d_with_indices(const Tensor& input,                                    \
                                                              const FractionalMaxPool##D##dFuncOptions& options)
TENON_FRACTIONAL(2);
TENON_FRACTIONAL(3);
#undef TENON_FRACTIONAL

}  // namespace functional

// Max pooling that also tells where the elements were.
#define TENON_POOL_WITH_INDICES(Name) TENON_SIMPLE_LAYER(Name, TwoTensors forward_with_indices(const Tensor& input);)
#define TENON_POOL(D)                                                               \
  TENON_SIMPLE_LAYER(AvgPool##D##d);                                                \
  TENON_POOL_WITH_INDICES(MaxPool##D##d);                                           \
  TENON_POOL_WITH_INDICES(AdaptiveMaxPool##D##d);                                   \
  TENON_SIMPLE_LAYER(AdaptiveAvgPool##D##d);                                        \
  TENON_SIMPLE_LAYER(LPPool##D##d);                                                 \
  class TENON_API MaxUnpool##D##d##Impl : public CloneableModule {                  \
    TENON_LAYER_MEMBERS(MaxUnpool##D##d)                                            \
    void pretty_print(std::ostream& stream) const override;                         \
    Tensor forward(const Tensor& input, const Tensor& indices,                      \
                   const optional<std::vector<int64_t>>& output_size = nullopt);    \
                                                                                    \
   protected:                                                                       \
    TENON_FORWARD_HAS_DEFAULT_ARGS({2, AnyValue(optional<std::vector<int64_t>>())}) \
  };                                                                                \
  TENON_MODULE(MaxUnpool##D##d)
TENON_POOL(1);
TENON_POOL(2);
TENON_POOL(3);
TENON_POOL_WITH_INDICES(FractionalMaxPool2d);
TENON_POOL_WITH_INDICES(FractionalMaxPool3d);
#undef TENON_POOL
#undef TENON_POOL_WITH_INDICES

}  // namespace tenon::nn
