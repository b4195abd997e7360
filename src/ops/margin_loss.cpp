// Losses that ask for a margin between what should be large and what should be small. Composed of other ops.
#include "ops/autocast.h"
#include "ops/loss.h"
#include "tenon/base/shape.h"

namespace tenon {
namespace {

Tensor at_least_zero(const Tensor& x) { return clamp_min(x, 0); }

// Input of these losses as rows of classes: [C] is one row, a number one row of one class.
Tensor rows_of_classes(const char* op, const Tensor& input) {
  TENON_CHECK(input.is_floating_point(), op, ": input must be floating-point, got ", input.dtype());
  TENON_CHECK(input.dim() <= 2 && (input.dim() == 0 || input.size(-1) > 0), op,
              ": input must have at most 2 dims, the last not empty, got shape ", input.sizes());
  return input.dim() == 2 ? input : input.reshape({1, -1});
}

void check_classes(const char* op, const Tensor& target, int64_t least, int64_t classes) {
  TENON_CHECK(target.dtype() == kLong, op, ": target must hold int64 class indices, got ", target.dtype());
  TENON_CHECK(!logical_or(lt(target, least), ge(target, classes)).any().item<bool>(), op,
              ": target has a class index outside ", least, "..", classes - 1);
}

}  // namespace

Tensor soft_margin_loss(const Tensor& input, const Tensor& target, std::string_view reduction) {
  TENON_AUTOCAST(soft_margin_loss, input, target, reduction)
  return reduced("soft_margin_loss", neg(log_sigmoid(mul(target, input))), reduction);
}

Tensor hinge_embedding_loss(const Tensor& input, const Tensor& target, double margin, std::string_view reduction) {
  TENON_AUTOCAST(hinge_embedding_loss, input, target, margin, reduction)
  Tensor far = where(ne(target, 1), at_least_zero(rsub(input, margin)), Scalar(0));
  Tensor near = where(ne(target, -1), input, Scalar(0));
  return reduced("hinge_embedding_loss", add(far, near), reduction);
}

Tensor margin_ranking_loss(const Tensor& input1, const Tensor& input2, const Tensor& target, double margin,
                           std::string_view reduction) {
  TENON_AUTOCAST(margin_ranking_loss, input1, input2, target, margin, reduction)
  TENON_CHECK(input1.dim() == input2.dim() && input1.dim() == target.dim(),
              "margin_ranking_loss: input1, input2 and target have shapes ", input1.sizes(), ", ", input2.sizes(),
              " and ", target.sizes(), "; they must have equally many dims");
  return reduced("margin_ranking_loss", at_least_zero(add(mul(neg(target), sub(input1, input2)), margin)), reduction);
}

Tensor cosine_embedding_loss(const Tensor& input1, const Tensor& input2, const Tensor& target, double margin,
                             std::string_view reduction) {
  TENON_AUTOCAST(cosine_embedding_loss, input1, input2, target, margin, reduction)
  TENON_CHECK(target.dim() <= 1 && input1.dim() == target.dim() + 1 && input2.dim() == target.dim() + 1,
              "cosine_embedding_loss: input1, input2 and target have shapes ", input1.sizes(), ", ", input2.sizes(),
              " and ", target.sizes(), "; the inputs must have one dim more than target, which has at most one");
  constexpr double kTiny = 1e-12;
  const int64_t dim = target.dim();
  Tensor lengths = mul(add(square(input1).sum(dim), kTiny), add(square(input2).sum(dim), kTiny));
  Tensor cosine = div(mul(input1, input2).sum(dim), sqrt(lengths));
  Tensor same = where(eq(target, 1), rsub(cosine, 1), Scalar(0));
  Tensor other = where(eq(target, -1), at_least_zero(sub(cosine, margin)), Scalar(0));
  return reduced("cosine_embedding_loss", add(same, other), reduction);
}

Tensor triplet_margin_loss(const Tensor& anchor, const Tensor& positive, const Tensor& negative, double margin,
                           double p, double eps, bool swap, std::string_view reduction) {
  TENON_AUTOCAST(triplet_margin_loss, anchor, positive, negative, margin, p, eps, swap, reduction)
  TENON_CHECK(anchor.dim() == positive.dim() && anchor.dim() == negative.dim(),
              "triplet_margin_loss: anchor, positive and negative have shapes ", anchor.sizes(), ", ", positive.sizes(),
              " and ", negative.sizes(), "; they must have equally many dims");
  TENON_CHECK_VALUE(margin > 0, "triplet_margin_loss: margin must be greater than 0, got ", margin);
  Tensor near = pairwise_distance(anchor, positive, p, eps);
  Tensor far = pairwise_distance(anchor, negative, p, eps);
  if (swap) far = minimum(far, pairwise_distance(positive, negative, p, eps));
  return reduced("triplet_margin_loss", at_least_zero(add(sub(near, far), margin)), reduction);
}

Tensor multi_margin_loss(const Tensor& input, const Tensor& target, int64_t p, double margin,
                         const optional<Tensor>& weight, std::string_view reduction) {
  TENON_AUTOCAST(multi_margin_loss, input, target, p, margin, weight, reduction)
  constexpr const char* op = "multi_margin_loss";
  TENON_CHECK_VALUE(p == 1 || p == 2, op, ": p must be 1 or 2, got ", p);
  TENON_CHECK_VALUE(!weight || weight->dim() == 1, op, ": weight must be one-dimensional, got shape ", weight->sizes());
  const Tensor rows = rows_of_classes(op, input);
  check_reduction(op, reduction);
  const int64_t classes = rows.size(1);
  TENON_CHECK(target.dim() <= 1 && target.numel() == rows.size(0), op, ": input has shape ", input.sizes(),
              ", so target must have ", rows.size(0), " entries, got shape ", target.sizes());
  check_classes(op, target, 0, classes);
  const Tensor index = target.reshape({-1, 1});
  Tensor gap = relu(add(sub(rows, rows.gather(1, index)), margin));
  if (p == 2) gap = square(gap);
  if (weight) {
    TENON_CHECK(weight->size(0) == classes, op, ": weight must have one entry for each of the ", classes,
                " classes, got ", weight->size(0));
    gap = mul(gap, weight->index_select(0, index.squeeze(1)).unsqueeze(1));
  }
  Tensor loss = div(gap.scatter(1, index, 0).sum(1), classes);
  return reduced(op, target.dim() == 0 ? loss.squeeze(0) : loss, reduction);
}

Tensor multilabel_margin_loss(const Tensor& input, const Tensor& target, std::string_view reduction) {
  TENON_AUTOCAST(multilabel_margin_loss, input, target, reduction)
  constexpr const char* op = "multilabel_margin_loss";
  const Tensor rows = rows_of_classes(op, input);
  check_reduction(op, reduction);
  const int64_t classes = rows.size(1);
  TENON_CHECK(input.sizes() == target.sizes(), op, ": input has shape ", input.sizes(), ", so target must too, got ",
              target.sizes());
  check_classes(op, target, -1, classes);
  const Tensor labels = target.view(rows.sizes());
  // A row's labels end at its first -1.
  const Tensor listed = eq(lt(labels, 0).cumsum(1), 0);
  const Tensor index = masked_fill(labels, logical_not(listed), 0);
  const Tensor is_label = gt(zeros_like(labels).scatter_add(1, index, to_dtype(listed, kLong)), 0);
  // One term for each label and each class that is none.
  const Tensor gap = relu(rsub(sub(rows.gather(1, index).unsqueeze(2), rows.unsqueeze(1)), 1));
  const Tensor counts = logical_and(listed.unsqueeze(2), logical_not(is_label).unsqueeze(1));
  const Tensor loss = div(masked_fill(gap, logical_not(counts), 0).sum({1, 2}), classes);
  return reduced(op, input.dim() <= 1 ? loss.squeeze(0) : loss, reduction);
}

Tensor multilabel_soft_margin_loss(const Tensor& input, const Tensor& target, const optional<Tensor>& weight,
                                   std::string_view reduction) {
  constexpr const char* op = "multilabel_soft_margin_loss";
  TENON_CHECK(input.dim() > 0, op, ": input must have at least 1 dim");
  Tensor loss = neg(add(mul(target, log_sigmoid(input)), mul(rsub(target, 1), log_sigmoid(neg(input)))));
  if (weight) loss = mul(loss, *weight);
  return reduced(op, div(loss.sum(-1), input.size(-1)), reduction);
}

}  // namespace tenon
