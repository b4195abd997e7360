// Look-up of rows by integers: embedding, and one_hot. Depends on the index ops.
#include <algorithm>
#include <cmath>

#include "ops/edit.h"
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
