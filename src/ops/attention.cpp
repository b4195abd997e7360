// Scaled dot product attention and gates, composed of other ops.
#include <cmath>
#include <limits>

#include "ops/autocast.h"
#include "ops/softmax.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

// Softmax of the scores that a mask allows.
Tensor masked_weights(Tensor scores, const optional<Tensor>& attn_mask, bool is_causal) {
  optional<Tensor> allowed;
  if (is_causal) {
    const TensorOptions options = TensorOptions(kBool).device(scores.device());
    allowed = ones({scores.size(-2), scores.size(-1)}, options).tril();
  }
  if (attn_mask && attn_mask->dtype() == kBool) allowed = attn_mask;
  if (attn_mask && !allowed) scores = add(scores, *attn_mask);
  if (allowed) scores = masked_fill(scores, logical_not(*allowed), -std::numeric_limits<double>::infinity());
  Tensor weights = softmax(scores, -1);
  if (!allowed && !attn_mask) return weights;
  // A query that may look at nothing gets zeros, not NaN.
  Tensor blind = eq(scores, -std::numeric_limits<double>::infinity()).all(-1, true);
  return masked_fill(weights, blind, 0);
}

}  // namespace

Tensor scaled_dot_product_attention(const Tensor& query, const Tensor& key, const Tensor& value,
                                    const optional<Tensor>& attn_mask, double dropout_p, bool is_causal,
                                    optional<double> scale, bool enable_gqa) {
  TENON_AUTOCAST(scaled_dot_product_attention, query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa)
  constexpr const char* op = "scaled_dot_product_attention";
  TENON_CHECK(query.dim() >= 2 && key.dim() >= 2 && value.dim() >= 2, op,
              ": query, key and value must have at least 2 dims, got shapes ", query.sizes(), ", ", key.sizes(),
              " and ", value.sizes());
  TENON_CHECK(query.dtype() == key.dtype() && query.dtype() == value.dtype(), op,
              ": query, key and value must have one dtype, got ", query.dtype(), ", ", key.dtype(), " and ",
              value.dtype());
  TENON_CHECK(query.is_floating_point(), op, ": query must be floating-point, got ", query.dtype());
  TENON_CHECK(!attn_mask || attn_mask->dtype() == kBool || attn_mask->dtype() == query.dtype(), op,
              ": attn_mask must be bool or have query's dtype ", query.dtype(), ", got ", attn_mask->dtype());
  TENON_CHECK(!(attn_mask && is_causal), op, ": attn_mask and is_causal exclude each other");
  TENON_CHECK(query.size(-1) == key.size(-1), op, ": query has ", query.size(-1), " features, but key has ",
              key.size(-1));
  if (is_reduced_floating_point(query.dtype())) {
    // Rounding the scores would change the weights much.
    const auto wide = [](const Tensor& x) { return to_dtype(x, kFloat); };
    optional<Tensor> mask = attn_mask;
    if (mask && mask->dtype() != kBool) mask = wide(*mask);
    return to_dtype(scaled_dot_product_attention(wide(query), wide(key), wide(value), mask, dropout_p, is_causal, scale,
                                                 enable_gqa),
                    query.dtype());
  }
  Tensor keys = key, values = value;
  if (enable_gqa) {
    TENON_CHECK(query.dim() >= 3 && key.dim() >= 3 && value.dim() >= 3, op, ": enable_gqa needs a head dim");
    const int64_t heads = query.size(-3);
    TENON_CHECK(key.size(-3) > 0 && value.size(-3) > 0 && heads % key.size(-3) == 0 && heads % value.size(-3) == 0, op,
                ": the ", heads, " query heads do not divide among ", key.size(-3), " key heads and ", value.size(-3),
                " value heads");
    keys = key.repeat_interleave(heads / key.size(-3), -3);
    values = value.repeat_interleave(heads / value.size(-3), -3);
  }
  const double factor = scale.value_or(1 / std::sqrt(static_cast<double>(query.size(-1))));
  // Half of the scale on each side keeps both factors small.
  const double half = std::sqrt(std::abs(factor));
  Tensor scores = matmul(mul(query, std::copysign(half, factor)), mul(keys.transpose(-2, -1), half));
  Tensor weights = is_causal && has_fused_softmax(scores) ? causal_softmax(scores)
                                                           : masked_weights(scores, attn_mask, is_causal);
  if (dropout_p > 0) weights = dropout(weights, dropout_p, true);
  return matmul(weights, values);
}

Tensor glu(const Tensor& input, int64_t dim) {
  TENON_CHECK(input.dim() > 0, "glu: a 0-d tensor cannot be halved");
  const int64_t size = input.size(dim);
  TENON_CHECK(size % 2 == 0, "glu: dim ", dim, " must have an even size, got ", size);
  return mul(input.narrow(dim, 0, size / 2), sigmoid(input.narrow(dim, size / 2, size / 2)));
}

Tensor prelu(const Tensor& self, const Tensor& weight) {
  TENON_AUTOCAST(prelu, self, weight)
  TENON_CHECK(self.dtype() == weight.dtype(), "prelu: self has dtype ", self.dtype(), " but weight has ",
              weight.dtype());
  TENON_CHECK(weight.dim() <= 1, "prelu: weight must have at most 1 dim, got shape ", weight.sizes());
  Tensor slopes = weight;
  if (weight.numel() != 1) {
    TENON_CHECK(self.dim() > 0, "prelu: a 0-d tensor takes one weight, got ", weight.numel());
    const int64_t channels = self.dim() > 1 ? self.size(1) : 1;
    TENON_CHECK(weight.numel() == channels, "prelu: weight has ", weight.numel(), " entries for ", channels,
                " channels");
    DimVector shape(self.sizes().size(), 1);
    shape[1] = channels;
    slopes = weight.view(shape);
  } else {
    slopes = weight.reshape({});
  }
  return where(gt(self, 0), self, mul(slopes, self));
}

}  // namespace tenon
