// Look-up of rows by integers: embedding, and one_hot. Depends on the index ops.
#include <algorithm>
#include <cmath>

#include "ops/edit.h"
#include "ops/promotion.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

// Scales the rows of weight that `rows` names so that none has a norm above max_norm.
void limit_norms(const Tensor& weight, const Tensor& rows, double max_norm, double norm_type) {
  TENON_CHECK(norm_type > 0 && std::isfinite(norm_type), "embedding: norm_type must be a positive number, got ",
              norm_type);
  check_inplace(weight, "embedding", false);
  NoGradGuard no_grad;
  const Tensor values = weight.index_select(0, rows);
  const Tensor norms = values.abs().pow(norm_type).sum({1}, true).pow(1 / norm_type);
  const Tensor scale = where(norms.gt(max_norm), max_norm * (norms + 1e-7).reciprocal(), Scalar(1));
  weight.index_copy_(0, rows, (values * scale).to(weight.dtype()));
}

}  // namespace

Tensor embedding(const Tensor& input, const Tensor& weight, optional<int64_t> padding_idx, optional<double> max_norm,
                 double norm_type, bool scale_grad_by_freq, bool /*sparse*/) {
  TENON_CHECK(weight.dim() == 2, "embedding: 'weight' must be 2-D, got shape ", weight.sizes());
  check_index_dtype("embedding", input);
  check_same_device("embedding", weight, input, "input");
  const int64_t rows = weight.size(0);
  if (padding_idx) {
    TENON_CHECK(*padding_idx >= -rows && *padding_idx < rows, "embedding: padding_idx ", *padding_idx,
                " must be within the number of embeddings ", rows);
    if (*padding_idx < 0) *padding_idx += rows;
  }
  const Tensor flat = input.reshape({-1});
  if (max_norm) limit_norms(weight, flat, *max_norm, norm_type);
  DimVector sizes = input.impl()->sizes;
  sizes.push_back(weight.size(1));
  Tensor out;
  {
    NoGradGuard no_grad;
    out = weight.index_select(0, flat).reshape(sizes);
  }
  return record("embedding", out, &weight, &flat,
                [shape = weight.impl()->sizes, padding_idx, scale_grad_by_freq](const BackwardContext& ctx) -> Grads {
                  const Tensor places = ctx.saved(0);
                  Tensor grad = ctx.grad().reshape({places.numel(), shape[1]});
                  if (padding_idx) grad = grad.masked_fill(places.eq(*padding_idx).unsqueeze(1), Scalar(0));
                  if (scale_grad_by_freq) {
                    const Tensor each = ones({places.numel()}, grad.options());
                    const Tensor counts = zeros({shape[0]}, grad.options()).index_add_(0, places, each);
                    grad = grad / counts.index_select(0, places).unsqueeze(1);
                  }
                  return {zeros(shape, grad.options()).index_add_(0, places, grad)};
                });
}

namespace {

// The rows that each bag takes: flat indices, the bag of each, and per-sample weights.
struct Bags {
  Tensor rows, bag, weights;
  int64_t count;
};

Bags bags_of(const Tensor& input, const optional<Tensor>& offsets, const optional<Tensor>& per_sample_weights,
             bool include_last_offset) {
  constexpr const char* kOp = "embedding_bag";
  const Tensor weights = per_sample_weights ? per_sample_weights->reshape({-1}) : Tensor();
  const TensorOptions options = TensorOptions(kLong).device(input.device());
  const Tensor rows = input.reshape({-1}).to(kLong);
  if (input.dim() == 2) {
    TENON_CHECK_VALUE(!offsets, kOp, ": if input is 2D, then offsets has to be None, as input is treated is a ",
                      "mini-batch of fixed length sequences. However, found offsets of shape ", offsets->sizes());
    return {rows, arange(input.size(0), options).repeat_interleave(input.size(1)), weights, input.size(0)};
  }
  TENON_CHECK_VALUE(input.dim() == 1, kOp, ": input has to be 1D or 2D Tensor, but got Tensor of dimension ",
                    input.dim());
  TENON_CHECK_VALUE(offsets && offsets->dim() == 1, kOp, ": offsets has to be a 1D Tensor, got ",
                    offsets ? concat("shape ", offsets->sizes()) : "None");
  check_index_dtype(kOp, *offsets);
  const Tensor starts = offsets->to(kLong);
  const int64_t count = starts.numel() - (include_last_offset ? 1 : 0), length = rows.numel();
  TENON_CHECK(count >= 0, kOp, ": include_last_offset: number of offsets should be at least 1");
  if (starts.numel() == 0) return {rows.narrow(0, 0, 0), rows.narrow(0, 0, 0), weights, 0};
  TENON_CHECK(starts.select(0, 0).item<int64_t>() == 0, kOp,
              ": offsets[0] has to be 0, i.e., the first sequence in the ",
              "mini-batch has to start from position 0. However, got ", starts.select(0, 0).item<int64_t>());
  TENON_CHECK(starts.select(0, -1).item<int64_t>() <= length, kOp, ": offsets[-1] can not be greater than input's ",
              "length, but got offsets[-1] of ", starts.select(0, -1).item<int64_t>(), " and length ", length);
  // No list within a conditional: where a part of one throws, GCC 12 destroys parts that were never made.
  Tensor cut = starts;
  if (!include_last_offset) cut = cat({starts, full({1}, length, options)});
  const Tensor lengths = diff(cut, 1, 0, nullopt, nullopt);
  TENON_CHECK(!lengths.lt(0).any().item<bool>(), kOp, ": offsets must not decrease");
  const int64_t used = count == 0 ? 0 : cut.select(0, -1).item<int64_t>();
  return {rows.narrow(0, 0, used), repeat_interleave(lengths, nullopt),
          weights.defined() ? weights.narrow(0, 0, used) : weights, count};
}

}  // namespace

Tensor embedding_bag(const Tensor& input, const Tensor& weight, const optional<Tensor>& offsets,
                     optional<double> max_norm, double norm_type, bool scale_grad_by_freq, std::string_view mode,
                     bool sparse, const optional<Tensor>& per_sample_weights, bool include_last_offset,
                     optional<int64_t> padding_idx) {
  constexpr const char* kOp = "embedding_bag";
  TENON_CHECK_VALUE(weight.dim() == 2, kOp, ": weight has to be a 2D Tensor, but got Tensor of dimension ",
                    weight.dim());
  TENON_CHECK_VALUE(mode == "sum" || mode == "mean" || mode == "max", kOp, ": mode has to be one of sum, mean or max, ",
                    "got ", mode);
  TENON_CHECK_VALUE(mode != "max" || !scale_grad_by_freq, kOp,
                    ": max mode does not support scaling the gradient by the frequency");
  TENON_CHECK_VALUE(mode != "max" || !sparse, kOp, ": max mode does not support sparse weights");
  TENON_CHECK_VALUE(!per_sample_weights || per_sample_weights->sizes() == input.sizes(), kOp,
                    ": per_sample_weights must have the same shape as the input, ", input.sizes(), ", got ",
                    per_sample_weights->sizes());
  TENON_CHECK_AS(NotImplementedError, !per_sample_weights || mode == "sum", kOp,
                 ": per_sample_weights is only supported for mode='sum' (got mode='", mode, "')");
  check_index_dtype(kOp, input);
  Bags bags = bags_of(input, offsets, per_sample_weights, include_last_offset);
  // Before max_norm changes the weight, so that a call that fails leaves it as it was.
  TENON_CHECK(!padding_idx || (*padding_idx >= -weight.size(0) && *padding_idx < weight.size(0)), kOp,
              ": padding_idx must be within the number of embeddings ", weight.size(0), ", got ", *padding_idx);
  if (max_norm) limit_norms(weight, bags.rows, *max_norm, norm_type);
  if (padding_idx) {
    const Tensor kept = bags.rows.ne(*padding_idx < 0 ? *padding_idx + weight.size(0) : *padding_idx);
    if (bags.weights.defined()) bags.weights = bags.weights.masked_select(kept);
    bags.bag = bags.bag.masked_select(kept);
    bags.rows = bags.rows.masked_select(kept);
  }
  Tensor values = embedding(bags.rows, weight, nullopt, nullopt, 2, scale_grad_by_freq, false);
  // Half types are weighted and summed in float.
  const ScalarType compute = compute_dtype(values.dtype());
  values = to_dtype(values, compute);
  if (bags.weights.defined()) values = values * to_dtype(bags.weights, compute).unsqueeze(1);
  Tensor result = zeros({bags.count, weight.size(1)}, values.options());
  if (mode == "max") {
    result = index_reduce(result, 0, bags.bag, values, "amax", false);
  } else {
    result = result.index_add(0, bags.bag, values);
  }
  if (mode == "mean") {
    result = result / bincount(bags.bag, nullopt, bags.count).clamp_min(1).to(values.dtype()).unsqueeze(1);
  }
  return to_dtype(result, weight.dtype());
}

Tensor one_hot(const Tensor& self, int64_t num_classes) {
  TENON_CHECK(self.dtype() == kLong, "one_hot: is only applicable to index tensor of type LongTensor, got ",
              self.dtype());
  DimVector sizes = self.impl()->sizes;
  if (self.numel() == 0) {
    TENON_CHECK(num_classes > 0, "one_hot: Can not infer total number of classes from empty tensor.");
    sizes.push_back(num_classes);
    return zeros(sizes, self.options());
  }
  const Tensor values = self.reshape({-1}).cpu().contiguous();
  const auto [least, largest] =
      std::minmax_element(values.data_ptr<int64_t>(), values.data_ptr<int64_t>() + values.numel());
  TENON_CHECK(*least >= 0, "one_hot: Class values must be non-negative, got ", *least);
  TENON_CHECK(num_classes == -1 || num_classes > 0, "one_hot: num_classes should be positive, got ", num_classes);
  TENON_CHECK(num_classes == -1 || *largest < num_classes,
              "one_hot: Class values must be smaller than num_classes, got ", *largest, " for num_classes ",
              num_classes);
  sizes.push_back(num_classes == -1 ? checked_add(*largest, 1, "one_hot") : num_classes);
  return zeros(sizes, self.options()).scatter_(-1, self.unsqueeze(-1), Scalar(1));
}

}  // namespace tenon
