// Fused normalisations; see fusion.h.
#include "tenon/nn/fusion.h"

#include "nn/module_editor.h"
#include "tenon/ops/ops.h"

namespace tenon::nn::utils {
namespace {

Tensor or_full(const Tensor& tensor, const Tensor& like, double value) {
  return tensor.defined() ? tensor : full_like(like, value);
}

// New leaves that are trained as the old ones were.
std::tuple<Tensor, Tensor> leaves(const Tensor& weight, const Tensor& bias, bool weight_is_trained,
                                  bool bias_is_trained) {
  Tensor fused_weight = weight.detach(), fused_bias = bias.detach();
  return {fused_weight.requires_grad_(weight_is_trained), fused_bias.requires_grad_(bias_is_trained)};
}

}  // namespace

std::tuple<Tensor, Tensor> fuse_conv_bn_weights(const Tensor& conv_w, const Tensor& conv_b, const Tensor& bn_rm,
                                                const Tensor& bn_rv, double bn_eps, const Tensor& bn_w,
                                                const Tensor& bn_b, bool transpose) {
  const Tensor bias = or_full(conv_b, bn_rm, 0);
  const ScalarType bias_dtype = conv_b.defined() ? conv_b.dtype() : conv_w.dtype();
  const Tensor scale = or_full(bn_w, bn_rm, 1) * (bn_rv + bn_eps).rsqrt();
  std::vector<int64_t> shape(static_cast<size_t>(conv_w.dim()), 1);
  shape[transpose ? 1 : 0] = -1;
  const Tensor weight = (conv_w * scale.reshape(shape)).to(conv_w.dtype());
  const Tensor fused_bias = ((bias - bn_rm) * scale + or_full(bn_b, bn_rm, 0)).to(bias_dtype);
  return leaves(weight, fused_bias, conv_w.requires_grad(), bias.requires_grad());
}

std::tuple<Tensor, Tensor> fuse_linear_bn_weights(const Tensor& linear_w, const Tensor& linear_b, const Tensor& bn_rm,
                                                  const Tensor& bn_rv, double bn_eps, const Tensor& bn_w,
                                                  const Tensor& bn_b) {
  const Tensor bias = or_full(linear_b, bn_rm, 0);
  const ScalarType bias_dtype = linear_b.defined() ? linear_b.dtype() : linear_w.dtype();
  const Tensor scale = bn_w * (bn_rv + bn_eps).rsqrt();
  const Tensor weight = linear_w * scale.unsqueeze(-1).to(linear_w.dtype());
  const Tensor fused_bias = ((bias - bn_rm) * scale + bn_b).to(bias_dtype);
  return leaves(weight, fused_bias, linear_w.requires_grad(), bias.requires_grad());
}

void detail::check_fusion(const Module& layer, const Module& norm, const Tensor& mean, const Tensor& variance) {
  TENON_CHECK(!layer.is_training() && !norm.is_training(), "Fusion only for eval!");
  TENON_CHECK(mean.defined() && variance.defined(), "bn.running_mean and bn.running_var must not be None");
}

void detail::replace_weights(const KnownModule& known, std::tuple<Tensor, Tensor> weight_and_bias) {
  ModuleEditor editor(known.module());
  for (const auto& [name, tensor] :
       {std::pair("weight", std::get<0>(weight_and_bias)), std::pair("bias", std::get<1>(weight_and_bias))}) {
    ModuleEditor::put(editor.parameters(), name, tensor);
    known.member(name)(known.module()) = tensor;
  }
}

}  // namespace tenon::nn::utils
