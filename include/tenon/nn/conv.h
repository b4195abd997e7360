// Convolutions, plain and transposed: options, functions and modules.
#pragma once

#include <variant>
#include <vector>

#include "tenon/nn/layer.h"

namespace tenon::nn {

// Numbers, kSame or kValid.
template <size_t D>
using ConvPadding = std::variant<ExpandingArray<D>, std::string_view>;

template <size_t D>
struct ConvOptions {
  using padding_t = ConvPadding<D>;
  ConvOptions(int64_t in_channels, int64_t out_channels, ExpandingArray<D> kernel_size)
      : in_channels_(in_channels), out_channels_(out_channels), kernel_size_(kernel_size) {}
  TENON_ARG(int64_t, in_channels);
  TENON_ARG(int64_t, out_channels);
  TENON_ARG(ExpandingArray<D>, kernel_size);
  TENON_ARG(ExpandingArray<D>, stride) = 1;
  TENON_ARG(padding_t, padding) = ExpandingArray<D>(0);
  TENON_ARG(ExpandingArray<D>, dilation) = 1;
  TENON_ARG(int64_t, groups) = 1;
  TENON_ARG(bool, bias) = true;
  TENON_ARG(std::string_view, padding_mode) = kZeros;

 public:
  ConvOptions& padding(std::initializer_list<int64_t> sizes) { return padding(padding_t(ExpandingArray<D>(sizes))); }
};
using Conv1dOptions = ConvOptions<1>;
using Conv2dOptions = ConvOptions<2>;
using Conv3dOptions = ConvOptions<3>;

template <size_t D>
struct ConvTransposeOptions {
  ConvTransposeOptions(int64_t in_channels, int64_t out_channels, ExpandingArray<D> kernel_size)
      : in_channels_(in_channels), out_channels_(out_channels), kernel_size_(kernel_size) {}
  TENON_ARG(int64_t, in_channels);
  TENON_ARG(int64_t, out_channels);
  TENON_ARG(ExpandingArray<D>, kernel_size);
  TENON_ARG(ExpandingArray<D>, stride) = 1;
  TENON_ARG(ExpandingArray<D>, padding) = 0;
  TENON_ARG(ExpandingArray<D>, output_padding) = 0;
  TENON_ARG(int64_t, groups) = 1;
  TENON_ARG(bool, bias) = true;
  TENON_ARG(ExpandingArray<D>, dilation) = 1;
  TENON_ARG(std::string_view, padding_mode) = kZeros;
};
using ConvTranspose1dOptions = ConvTransposeOptions<1>;
using ConvTranspose2dOptions = ConvTransposeOptions<2>;
using ConvTranspose3dOptions = ConvTransposeOptions<3>;

namespace functional {

template <size_t D>
struct ConvFuncOptions {
  using padding_t = ConvPadding<D>;
  TENON_ARG(Tensor, bias);
  TENON_ARG(ExpandingArray<D>, stride) = 1;
  TENON_ARG(padding_t, padding) = ExpandingArray<D>(0);
  TENON_ARG(ExpandingArray<D>, dilation) = 1;
  TENON_ARG(int64_t, groups) = 1;

 public:
  ConvFuncOptions& padding(std::initializer_list<int64_t> sizes) {
    return padding(padding_t(ExpandingArray<D>(sizes)));
  }
};
using Conv1dFuncOptions = ConvFuncOptions<1>;
using Conv2dFuncOptions = ConvFuncOptions<2>;
using Conv3dFuncOptions = ConvFuncOptions<3>;

template <size_t D>
struct ConvTransposeFuncOptions {
  TENON_ARG(Tensor, bias);
  TENON_ARG(ExpandingArray<D>, stride) = 1;
  TENON_ARG(ExpandingArray<D>, padding) = 0;
  TENON_ARG(ExpandingArray<D>, output_padding) = 0;
  TENON_ARG(int64_t, groups) = 1;
  TENON_ARG(ExpandingArray<D>, dilation) = 1;
};
using ConvTranspose1dFuncOptions = ConvTransposeFuncOptions<1>;
using ConvTranspose2dFuncOptions = ConvTransposeFuncOptions<2>;
using ConvTranspose3dFuncOptions = ConvTransposeFuncOptions<3>;

#define TENON_CONV(D)                                                                                             \
  TENON_API Tensor conv##D##d(const Tensor& input, const Tensor& weight, const ConvFuncOptions<D>& options = {}); \
  TENON_API Tensor conv_transpose##D##d(const Tensor& input, const Tensor& weight,                                \
                                        const ConvTransposeFuncOptions<D>& options = {})
TENON_CONV(1);
TENON_CONV(2);
TENON_CONV(3);
#undef TENON_CONV

}  // namespace functional

#define TENON_CONV(D)                                                                        \
  class TENON_API Conv##D##d##Impl : public CloneableModule {                                \
    TENON_LAYER_MEMBERS(Conv##D##d)                                                          \
    void reset() override;                                                                   \
    void reset_parameters();                                                                 \
    void pretty_print(std::ostream& stream) const override;                                  \
    Tensor forward(const Tensor& input);                                                     \
    Tensor weight, bias;                                                                     \
                                                                                             \
   protected:                                                                                \
    void materialize(const StateDict& state, const std::string& prefix) override;            \
  };                                                                                         \
  TENON_MODULE(Conv##D##d);                                                                  \
  TENON_LAZY(Conv##D##d);                                                                    \
  class TENON_API ConvTranspose##D##d##Impl : public CloneableModule {                       \
    TENON_LAYER_MEMBERS(ConvTranspose##D##d)                                                 \
    void reset() override;                                                                   \
    void reset_parameters();                                                                 \
    void pretty_print(std::ostream& stream) const override;                                  \
    Tensor forward(const Tensor& input, const optional<IntArrayRef>& output_size = nullopt); \
    Tensor weight, bias;                                                                     \
                                                                                             \
   protected:                                                                                \
    void materialize(const StateDict& state, const std::string& prefix) override;            \
    TENON_FORWARD_HAS_DEFAULT_ARGS({1, AnyValue(optional<IntArrayRef>())})                   \
  };                                                                                         \
  TENON_MODULE(ConvTranspose##D##d);                                                         \
  TENON_LAZY(ConvTranspose##D##d)
TENON_CONV(1);
TENON_CONV(2);
TENON_CONV(3);
#undef TENON_CONV

}  // namespace tenon::nn
