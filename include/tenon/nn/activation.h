// Activations: options, functions and modules.
#pragma once

#include <string>

#include "tenon/nn/layer.h"

namespace tenon::nn {

struct ELUOptions {
  TENON_ARG(double, alpha) = 1;
  TENON_ARG(bool, inplace) = false;
};
struct SELUOptions {
  SELUOptions(bool inplace = false) : inplace_(inplace) {}
  TENON_ARG(bool, inplace);
};
struct GLUOptions {
  GLUOptions(int64_t dim = -1) : dim_(dim) {}
  TENON_ARG(int64_t, dim);
};
struct GELUOptions {
  TENON_ARG(std::string, approximate) = "none";
};
struct HardshrinkOptions {
  HardshrinkOptions(double lambda = 0.5) : lambda_(lambda) {}
  TENON_ARG(double, lambda);
};
struct HardtanhOptions {
  TENON_ARG(double, min_val) = -1;
  TENON_ARG(double, max_val) = 1;
  TENON_ARG(bool, inplace) = false;
};
struct LeakyReLUOptions {
  TENON_ARG(double, negative_slope) = 0.01;
  TENON_ARG(bool, inplace) = false;
};
struct SoftmaxOptions {
  SoftmaxOptions(int64_t dim) : dim_(dim) {}
  TENON_ARG(int64_t, dim);
};
struct SoftminOptions : SoftmaxOptions {
  using SoftmaxOptions::SoftmaxOptions;
};
struct LogSoftmaxOptions : SoftmaxOptions {
  using SoftmaxOptions::SoftmaxOptions;
};
struct PReLUOptions {
  TENON_ARG(int64_t, num_parameters) = 1;
  TENON_ARG(double, init) = 0.25;
};
struct ReLUOptions {
  ReLUOptions(bool inplace = false) : inplace_(inplace) {}
  TENON_ARG(bool, inplace);
};
struct ReLU6Options : ReLUOptions {
  using ReLUOptions::ReLUOptions;
};
struct RReLUOptions {
  TENON_ARG(double, lower) = 1.0 / 8;
  TENON_ARG(double, upper) = 1.0 / 3;
  TENON_ARG(bool, inplace) = false;
};
struct CELUOptions {
  TENON_ARG(double, alpha) = 1;
  TENON_ARG(bool, inplace) = false;
};
struct SoftplusOptions {
  TENON_ARG(double, beta) = 1;
  TENON_ARG(double, threshold) = 20;
};
struct SoftshrinkOptions {
  SoftshrinkOptions(double lambda = 0.5) : lambda_(lambda) {}
  TENON_ARG(double, lambda);
};
struct ThresholdOptions {
  ThresholdOptions(double threshold, double value) : threshold_(threshold), value_(value) {}
  TENON_ARG(double, threshold);
  TENON_ARG(double, value);
  TENON_ARG(bool, inplace) = false;
};

namespace functional {

using ELUFuncOptions = ELUOptions;
using SELUFuncOptions = SELUOptions;
using GLUFuncOptions = GLUOptions;
using GELUFuncOptions = GELUOptions;
using HardshrinkFuncOptions = HardshrinkOptions;
using HardtanhFuncOptions = HardtanhOptions;
using LeakyReLUFuncOptions = LeakyReLUOptions;
struct SoftmaxFuncOptions {
  SoftmaxFuncOptions(int64_t dim) : dim_(dim) {}
  TENON_ARG(int64_t, dim);
  TENON_ARG(optional<Dtype>, dtype);
};
using SoftminFuncOptions = SoftmaxFuncOptions;
using LogSoftmaxFuncOptions = SoftmaxFuncOptions;
using ReLUFuncOptions = ReLUOptions;
using ReLU6FuncOptions = ReLU6Options;
struct RReLUFuncOptions {
  TENON_ARG(double, lower) = 1.0 / 8;
  TENON_ARG(double, upper) = 1.0 / 3;
  TENON_ARG(bool, training) = false;
  TENON_ARG(bool, inplace) = false;
};
using CELUFuncOptions = CELUOptions;
using SoftplusFuncOptions = SoftplusOptions;
using SoftshrinkFuncOptions = SoftshrinkOptions;
using ThresholdFuncOptions = ThresholdOptions;
struct GumbelSoftmaxFuncOptions {
  TENON_ARG(double, tau) = 1;
  TENON_ARG(bool, hard) = false;
  TENON_ARG(int, dim) = -1;
};

TENON_API Tensor elu(const Tensor& input, const ELUFuncOptions& options = {});
TENON_API Tensor selu(const Tensor& input, const SELUFuncOptions& options = {});
TENON_API Tensor glu(const Tensor& input, const GLUFuncOptions& options = {});
TENON_API Tensor gelu(const Tensor& input, const GELUFuncOptions& options = {});
TENON_API Tensor hardshrink(const Tensor& input, const HardshrinkFuncOptions& options = {});
TENON_API Tensor hardtanh(const Tensor& input, const HardtanhFuncOptions& options = {});
TENON_API Tensor leaky_relu(const Tensor& input, const LeakyReLUFuncOptions& options = {});
TENON_API Tensor logsigmoid(const Tensor& input);
TENON_API Tensor softmax(const Tensor& input, const SoftmaxFuncOptions& options);
TENON_API Tensor softmin(const Tensor& input, const SoftminFuncOptions& options);
TENON_API Tensor log_softmax(const Tensor& input, const LogSoftmaxFuncOptions& options);
// Samples of the categories: softened by tau or, if hard, one-hot with the gradient of the soft ones.
TENON_API Tensor gumbel_softmax(const Tensor& logits, const GumbelSoftmaxFuncOptions& options = {});
TENON_API Tensor prelu(const Tensor& input, const Tensor& weight);
TENON_API Tensor relu(const Tensor& input, const ReLUFuncOptions& options = {});
TENON_API Tensor relu6(const Tensor& input, const ReLU6FuncOptions& options = {});
TENON_API Tensor rrelu(const Tensor& input, const RReLUFuncOptions& options = {});
TENON_API Tensor celu(const Tensor& input, const CELUFuncOptions& options = {});
TENON_API Tensor silu(const Tensor& input);
TENON_API Tensor mish(const Tensor& input);
TENON_API Tensor hardsigmoid(const Tensor& input);
TENON_API Tensor hardswish(const Tensor& input);
TENON_API Tensor softplus(const Tensor& input, const SoftplusFuncOptions& options = {});
TENON_API Tensor softshrink(const Tensor& input, const SoftshrinkFuncOptions& options = {});
TENON_API Tensor softsign(const Tensor& input);
TENON_API Tensor tanhshrink(const Tensor& input);
TENON_API Tensor threshold(const Tensor& input, const ThresholdFuncOptions& options);

}  // namespace functional

// An activation whose options may all be left out, and one that has none.
#define TENON_ACTIVATION(Name) TENON_SIMPLE_LAYER(Name, Name##Impl() : Name##Impl(Options()){})
#define TENON_PLAIN_ACTIVATION(Name)                        \
  class TENON_API Name##Impl : public CloneableModule {     \
    TENON_COPYABLE(Name)                                    \
    void pretty_print(std::ostream& stream) const override; \
    Tensor forward(const Tensor& input);                    \
  };                                                        \
  TENON_MODULE(Name)

TENON_ACTIVATION(ELU);
TENON_ACTIVATION(SELU);
TENON_ACTIVATION(GLU);
TENON_ACTIVATION(GELU);
TENON_ACTIVATION(Hardshrink);
TENON_ACTIVATION(Hardtanh);
TENON_ACTIVATION(LeakyReLU);
TENON_ACTIVATION(ReLU);
TENON_ACTIVATION(ReLU6);
TENON_ACTIVATION(RReLU);
TENON_ACTIVATION(CELU);
TENON_ACTIVATION(Softplus);
TENON_ACTIVATION(Softshrink);
TENON_SIMPLE_LAYER(Threshold);
TENON_SIMPLE_LAYER(Softmax);
TENON_SIMPLE_LAYER(Softmin);
TENON_SIMPLE_LAYER(LogSoftmax);
TENON_PLAIN_ACTIVATION(Softmax2d);
TENON_PLAIN_ACTIVATION(LogSigmoid);
TENON_PLAIN_ACTIVATION(SiLU);
TENON_PLAIN_ACTIVATION(Mish);
TENON_PLAIN_ACTIVATION(Sigmoid);
TENON_PLAIN_ACTIVATION(Softsign);
TENON_PLAIN_ACTIVATION(Tanh);
TENON_PLAIN_ACTIVATION(Tanhshrink);
TENON_PLAIN_ACTIVATION(Hardsigmoid);
TENON_PLAIN_ACTIVATION(Hardswish);
#undef TENON_ACTIVATION
#undef TENON_PLAIN_ACTIVATION

class TENON_API PReLUImpl : public CloneableModule {
  TENON_LAYER_MEMBERS(PReLU)

  PReLUImpl() : PReLUImpl(Options()) {}
  void reset() override;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);

  Tensor weight;
};
TENON_MODULE(PReLU);

}  // namespace tenon::nn
