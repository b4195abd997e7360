// Attention with several heads: options, function and module.
#pragma once

#include <tuple>

#include "tenon/nn/linear.h"

namespace tenon::nn {

struct MultiheadAttentionOptions {
  MultiheadAttentionOptions(int64_t embed_dim, int64_t num_heads)
      : embed_dim_(embed_dim), num_heads_(num_heads), kdim_(embed_dim), vdim_(embed_dim) {}
  TENON_ARG(int64_t, embed_dim);
  TENON_ARG(int64_t, num_heads);
  TENON_ARG(double, dropout) = 0;
  TENON_ARG(bool, bias) = true;
  TENON_ARG(bool, add_bias_kv) = false;
  TENON_ARG(bool, add_zero_attn) = false;
  TENON_ARG(int64_t, kdim);
  TENON_ARG(int64_t, vdim);
  TENON_ARG(bool, batch_first) = false;
};

namespace functional {

struct MultiheadAttentionForwardFuncOptions {
  MultiheadAttentionForwardFuncOptions(int64_t embed_dim_to_check, int64_t num_heads, Tensor in_proj_weight,
                                       Tensor in_proj_bias, Tensor bias_k, Tensor bias_v, bool add_zero_attn,
                                       double dropout_p, Tensor out_proj_weight, Tensor out_proj_bias)
      : embed_dim_to_check_(embed_dim_to_check),
        num_heads_(num_heads),
        in_proj_weight_(std::move(in_proj_weight)),
        in_proj_bias_(std::move(in_proj_bias)),
        bias_k_(std::move(bias_k)),
        bias_v_(std::move(bias_v)),
        add_zero_attn_(add_zero_attn),
        dropout_p_(dropout_p),
        out_proj_weight_(std::move(out_proj_weight)),
        out_proj_bias_(std::move(out_proj_bias)) {}
  TENON_ARG(int64_t, embed_dim_to_check);
  TENON_ARG(int64_t, num_heads);
  TENON_ARG(Tensor, in_proj_weight);
  TENON_ARG(Tensor, in_proj_bias);
  TENON_ARG(Tensor, bias_k);
  TENON_ARG(Tensor, bias_v);
  TENON_ARG(bool, add_zero_attn);
  TENON_ARG(double, dropout_p);
  TENON_ARG(Tensor, out_proj_weight);
  TENON_ARG(Tensor, out_proj_bias);
  TENON_ARG(bool, training) = true;
  TENON_ARG(Tensor, key_padding_mask);
  TENON_ARG(bool, need_weights) = true;
  TENON_ARG(Tensor, attn_mask);
  TENON_ARG(bool, use_separate_proj_weight) = false;
  TENON_ARG(Tensor, q_proj_weight);
  TENON_ARG(Tensor, k_proj_weight);
  TENON_ARG(Tensor, v_proj_weight);
  TENON_ARG(Tensor, static_k);
  TENON_ARG(Tensor, static_v);
  TENON_ARG(bool, average_attn_weights) = true;
};

// The output, and the weights of the attention if they are needed. Inputs are [length, batch, width] or [length,
// width].
TENON_API std::tuple<Tensor, Tensor> multi_head_attention_forward(const Tensor& query, const Tensor& key,
                                                                  const Tensor& value,
                                                                  const MultiheadAttentionForwardFuncOptions& options);

}  // namespace functional

class TENON_API MultiheadAttentionImpl : public CloneableModule {
  TENON_LAYER_MEMBERS(MultiheadAttention)

  void reset() override;
  void _reset_parameters();
  void pretty_print(std::ostream& stream) const override;
  std::tuple<Tensor, Tensor> forward(const Tensor& query, const Tensor& key, const Tensor& value,
                                     const Tensor& key_padding_mask = {}, bool need_weights = true,
                                     const Tensor& attn_mask = {}, bool average_attn_weights = true);

  bool _qkv_same_embed_dim = true;
  int64_t head_dim = 0;
  Tensor in_proj_weight, in_proj_bias, bias_k, bias_v, q_proj_weight, k_proj_weight, v_proj_weight;
  Linear out_proj = nullptr;

 protected:
  TENON_FORWARD_HAS_DEFAULT_ARGS({3, AnyValue(Tensor())}, {4, AnyValue(true)}, {5, AnyValue(Tensor())},
                                 {6, AnyValue(true)})
};
TENON_MODULE(MultiheadAttention);

}  // namespace tenon::nn
