// Attention; see attention.h.
#include "tenon/nn/attention.h"

#include <cmath>
#include <limits>
#include <ostream>

#include "nn/define.h"
#include "tenon/nn/init.h"
#include "tenon/ops/ops.h"

namespace tenon::nn {
namespace functional {
namespace {

constexpr const char* kOp = "multi_head_attention_forward: ";

void check_dims(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& key_padding_mask,
                const Tensor& attn_mask) {
  const int64_t dims = query.dim();
  TENON_CHECK(dims == 2 || dims == 3, kOp, "query must be 2-d, or 3-d with a batch, got ", dims, "-d");
  TENON_CHECK(key.dim() == dims && value.dim() == dims, kOp, "key and value must be ", dims, "-d as query is, got ",
              key.dim(), "-d and ", value.dim(), "-d");
  TENON_CHECK(!key_padding_mask.defined() || key_padding_mask.dim() == dims - 1, kOp, "key_padding_mask must be ",
              dims - 1, "-d, got ", key_padding_mask.dim(), "-d");
  TENON_CHECK(!attn_mask.defined() || attn_mask.dim() == 2 || attn_mask.dim() == 3, kOp,
              "attn_mask must be 2-d or 3-d, got ", attn_mask.dim(), "-d");
}

// A mask as numbers to add: where it is true, minus infinity.
Tensor to_add(const Tensor& mask, const char* name, const Tensor& query) {
  if (!mask.defined() || mask.is_floating_point()) return mask;
  TENON_CHECK(mask.dtype() == kBool, kOp, name, " must be boolean or floating, got ", mask.dtype());
  return zeros(mask.sizes(), query.options().requires_grad(false))
      .masked_fill_(mask, -std::numeric_limits<double>::infinity());
}

// Queries, keys and values.
std::vector<Tensor> projected(const Tensor& query, const Tensor& key, const Tensor& value,
                              const MultiheadAttentionForwardFuncOptions& options) {
  const Tensor& bias = options.in_proj_bias();
  std::vector<Tensor> weights;
  if (options.use_separate_proj_weight()) {
    weights = {options.q_proj_weight(), options.k_proj_weight(), options.v_proj_weight()};
    for (const Tensor& weight : weights) {
      TENON_CHECK(weight.defined(), kOp, "a projection's weight is undefined, but use_separate_proj_weight is true");
    }
    TENON_CHECK(key.sizes().slice(0, 2) == value.sizes().slice(0, 2), kOp,
                "key and value must have one length and batch, got ", key.sizes(), " and ", value.sizes());
  } else {
    TENON_CHECK(options.in_proj_weight().defined(), kOp,
                "in_proj_weight is undefined, but use_separate_proj_weight is false");
    TENON_CHECK(key.sizes() == value.sizes(), kOp, "key and value must be alike, got ", key.sizes(), " and ",
                value.sizes());
    if (query.is_same(key) && key.is_same(value)) {
      return tenon::linear(query, options.in_proj_weight(), given(bias)).chunk(3, -1);
    }
    weights = options.in_proj_weight().chunk(3);
  }
  const std::vector<Tensor> biases = bias.defined() ? bias.chunk(3) : std::vector<Tensor>(3);
  return {tenon::linear(query, weights[0], given(biases[0])), tenon::linear(key, weights[1], given(biases[1])),
          tenon::linear(value, weights[2], given(biases[2]))};
}

// A key or value that is given as it is after projection.
void use_static(Tensor& projection, const Tensor& fixed, const char* name, int64_t heads, int64_t size) {
  if (!fixed.defined()) return;
  TENON_CHECK(fixed.dim() == 3 && fixed.size(0) == heads && fixed.size(2) == size, kOp, name, " must be [", heads,
              ", any, ", size, "], got ", fixed.sizes());
  projection = fixed;
}

}  // namespace

std::tuple<Tensor, Tensor> multi_head_attention_forward(const Tensor& query_, const Tensor& key_, const Tensor& value_,
                                                        const MultiheadAttentionForwardFuncOptions& options) {
  check_dims(query_, key_, value_, options.key_padding_mask(), options.attn_mask());
  const bool batched = query_.dim() == 3;
  Tensor query = query_, key = key_, value = value_, padding = options.key_padding_mask();
  if (!batched) {
    const bool own = query.is_same(key) && key.is_same(value);
    query = query.unsqueeze(1);
    key = own ? query : key.unsqueeze(1);
    value = own ? query : value.unsqueeze(1);
    if (padding.defined()) padding = padding.unsqueeze(0);
  }
  const int64_t length = query.size(0), batch = query.size(1), width = query.size(2), num_heads = options.num_heads();
  TENON_CHECK(width == options.embed_dim_to_check(), kOp, "query must be ", options.embed_dim_to_check(), " wide, got ",
              width);
  TENON_CHECK(num_heads > 0 && width % num_heads == 0, kOp, "num_heads must divide the width ", width, ", got ",
              num_heads);
  const int64_t heads = batch * num_heads, size = width / num_heads;
  int64_t source = key.size(0);

  padding = to_add(padding, "key_padding_mask", query);
  Tensor mask = to_add(options.attn_mask(), "attn_mask", query);
  if (mask.defined()) {
    const std::vector<int64_t> expected =
        mask.dim() == 2 ? std::vector<int64_t>{length, source} : std::vector<int64_t>{heads, length, source};
    TENON_CHECK(mask.sizes() == IntArrayRef(expected), kOp, "attn_mask must be ", IntArrayRef(expected), ", got ",
                mask.sizes());
    if (mask.dim() == 2) mask = mask.unsqueeze(0);
  }

  std::vector<Tensor> projections = projected(query, key, value, options);
  Tensor q = projections[0], k = projections[1], v = projections[2];
  const bool biased = options.bias_k().defined();
  TENON_CHECK(biased == options.bias_v().defined(), kOp, "bias_k and bias_v must be given both or not at all");
  if (biased) {
    TENON_CHECK(!options.static_k().defined() && !options.static_v().defined(), kOp,
                "bias_k and bias_v cannot be added to static keys and values");
    k = cat({k, options.bias_k().repeat({1, batch, 1})});
    v = cat({v, options.bias_v().repeat({1, batch, 1})});
  }
  for (Tensor* each : {&q, &k, &v}) *each = each->reshape({-1, heads, size}).transpose(0, 1);
  use_static(k, options.static_k(), "static_k", heads, size);
  use_static(v, options.static_v(), "static_v", heads, size);
  if (options.add_zero_attn()) {
    const Tensor none = zeros({heads, 1, size}, k.options());
    k = cat({k, none}, 1);
    v = cat({v, none}, 1);
  }

  const int64_t added = biased + options.add_zero_attn();
  source = k.size(1);
  if (added > 0 && mask.defined()) mask = tenon::pad(mask, {0, added});
  if (padding.defined()) {
    if (added > 0) padding = tenon::pad(padding, {0, added});
    TENON_CHECK(padding.size(0) == batch && padding.size(1) == source, kOp, "key_padding_mask must be [", batch, ", ",
                source - added, "], got [", padding.size(0), ", ", padding.size(1) - added, "]");
    const Tensor each_head =
        padding.reshape({batch, 1, 1, source}).expand({-1, num_heads, -1, -1}).reshape({heads, 1, source});
    mask = mask.defined() ? mask + each_head : each_head;
  }

  const double p = options.training() ? options.dropout_p() : 0;
  Tensor weights, output;
  if (options.need_weights()) {
    q = q * std::sqrt(1.0 / static_cast<double>(size));
    const Tensor keys = k.transpose(1, 2);
    weights = (mask.defined() ? baddbmm(mask, q, keys) : q.bmm(keys)).softmax(-1);
    if (p > 0) weights = tenon::dropout(weights, p);
    output = weights.bmm(v);
    weights = weights.reshape({batch, num_heads, length, source});
    if (options.average_attn_weights()) weights = weights.mean(1);
  } else {
    for (Tensor* each : {&q, &k, &v}) *each = each->reshape({batch, num_heads, -1, size});
    if (mask.defined()) {
      mask = mask.size(0) == 1 ? mask.unsqueeze(0) : mask.reshape({batch, num_heads, -1, source});
    }
    output = scaled_dot_product_attention(q, k, v, given(mask), p).reshape({heads, length, size});
  }
  output = output.transpose(0, 1).reshape({length, batch, width});
  output = tenon::linear(output, options.out_proj_weight(), given(options.out_proj_bias()));
  if (batched) return {output, weights};
  return {output.squeeze(1), weights.defined() ? weights.squeeze(0) : weights};
}

}  // namespace functional

MultiheadAttentionImpl::MultiheadAttentionImpl(Options options) : options(std::move(options)) { reset(); }

void MultiheadAttentionImpl::reset() {
  const int64_t width = options.embed_dim();
  TENON_CHECK_VALUE(width > 0 && options.num_heads() > 0,
                    "embed_dim and num_heads must be greater than 0, got embed_dim=", width,
                    " and num_heads=", options.num_heads(), " instead");
  head_dim = width / options.num_heads();
  TENON_CHECK_VALUE(head_dim * options.num_heads() == width, "embed_dim must be divisible by num_heads, got ", width,
                    " and ", options.num_heads());
  _qkv_same_embed_dim = options.kdim() == width && options.vdim() == width;
  if (_qkv_same_embed_dim) {
    in_proj_weight = register_parameter("in_proj_weight", empty({3 * width, width}));
  } else {
    q_proj_weight = register_parameter("q_proj_weight", empty({width, width}));
    k_proj_weight = register_parameter("k_proj_weight", empty({width, options.kdim()}));
    v_proj_weight = register_parameter("v_proj_weight", empty({width, options.vdim()}));
  }
  in_proj_bias = register_parameter("in_proj_bias", options.bias() ? empty({3 * width}) : Tensor());
  out_proj = register_module("out_proj", Linear(LinearOptions(width, width).bias(options.bias())));
  bias_k = register_parameter("bias_k", options.add_bias_kv() ? empty({1, 1, width}) : Tensor());
  bias_v = register_parameter("bias_v", options.add_bias_kv() ? empty({1, 1, width}) : Tensor());
  _reset_parameters();
}

void MultiheadAttentionImpl::_reset_parameters() {
  for (const Tensor& weight : {in_proj_weight, q_proj_weight, k_proj_weight, v_proj_weight}) {
    if (weight.defined()) init::xavier_uniform_(weight);
  }
  if (in_proj_bias.defined()) {
    init::zeros_(in_proj_bias);
    init::zeros_(out_proj->bias);
  }
  for (const Tensor& bias : {bias_k, bias_v}) {
    if (bias.defined()) init::xavier_normal_(bias);
  }
}

void MultiheadAttentionImpl::pretty_print(std::ostream& stream) const { stream << "torch::nn::MultiheadAttention"; }

std::tuple<Tensor, Tensor> MultiheadAttentionImpl::forward(const Tensor& query, const Tensor& key, const Tensor& value,
                                                           const Tensor& key_padding_mask, bool need_weights,
                                                           const Tensor& attn_mask, bool average_attn_weights) {
  functional::MultiheadAttentionForwardFuncOptions call(options.embed_dim(), options.num_heads(), in_proj_weight,
                                                        in_proj_bias, bias_k, bias_v, options.add_zero_attn(),
                                                        options.dropout(), out_proj->weight, out_proj->bias);
  call.training(is_training())
      .key_padding_mask(key_padding_mask)
      .need_weights(need_weights)
      .attn_mask(attn_mask)
      .use_separate_proj_weight(!_qkv_same_embed_dim)
      .q_proj_weight(q_proj_weight)
      .k_proj_weight(k_proj_weight)
      .v_proj_weight(v_proj_weight)
      .average_attn_weights(average_attn_weights);
  if (!options.batch_first() || query.dim() != 3) {
    return functional::multi_head_attention_forward(query, key, value, call);
  }
  // Where they are one tensor they stay one, as a single projection then serves all.
  const Tensor queries = query.transpose(1, 0);
  const Tensor keys = key.is_same(query) ? queries : key.transpose(1, 0);
  const Tensor values = value.is_same(key) ? keys : value.transpose(1, 0);
  auto [output, weights] = functional::multi_head_attention_forward(queries, keys, values, call);
  return {output.transpose(1, 0), weights};
}

}  // namespace tenon::nn
