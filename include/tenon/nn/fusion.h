// Normalisations of evaluation drawn into the weights of the layer before them.
#pragma once

#include <memory>
#include <tuple>
#include <utility>

#include "tenon/nn/named_tensor.h"

namespace tenon::nn::utils {

// The weight and bias of a convolution, or of a linear layer, after which the normalisation is done as well. What is
// not there may be undefined.
TENON_API std::tuple<Tensor, Tensor> fuse_conv_bn_weights(const Tensor& conv_w, const Tensor& conv_b,
                                                          const Tensor& bn_rm, const Tensor& bn_rv, double bn_eps,
                                                          const Tensor& bn_w, const Tensor& bn_b,
                                                          bool transpose = false);
TENON_API std::tuple<Tensor, Tensor> fuse_linear_bn_weights(const Tensor& linear_w, const Tensor& linear_b,
                                                            const Tensor& bn_rm, const Tensor& bn_rv, double bn_eps,
                                                            const Tensor& bn_w, const Tensor& bn_b);

namespace detail {
TENON_API void check_fusion(const Module& layer, const Module& norm, const Tensor& mean, const Tensor& variance);
TENON_API void replace_weights(const KnownModule& module, std::tuple<Tensor, Tensor> weight_and_bias);

template <class Layer, class Fuse>
Layer fused(const Layer& layer, const Fuse& fuse) {
  Layer copy(std::static_pointer_cast<typename Layer::ContainedType>(layer->clone()));
  copy->options.bias(true);
  replace_weights(copy, fuse(copy->weight, copy->bias));
  return copy;
}
}  // namespace detail

// A copy of the layer that computes what it and then the normalisation do; `transpose` for a transposed convolution.
template <class Conv, class Norm>
Conv fuse_conv_bn_eval(const Conv& conv, const Norm& bn, bool transpose = false) {
  detail::check_fusion(*conv, *bn, bn->running_mean, bn->running_var);
  return detail::fused(conv, [&](const Tensor& weight, const Tensor& bias) {
    return fuse_conv_bn_weights(weight, bias, bn->running_mean, bn->running_var, bn->options.eps(), bn->weight,
                                bn->bias, transpose);
  });
}
template <class Linear, class Norm>
Linear fuse_linear_bn_eval(const Linear& linear, const Norm& bn) {
  detail::check_fusion(*linear, *bn, bn->running_mean, bn->running_var);
  return detail::fused(linear, [&](const Tensor& weight, const Tensor& bias) {
    return fuse_linear_bn_weights(weight, bias, bn->running_mean, bn->running_var, bn->options.eps(), bn->weight,
                                  bn->bias);
  });
}

}  // namespace tenon::nn::utils
