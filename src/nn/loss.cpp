// Losses; see loss.h.
#include "tenon/nn/loss.h"

#include <ostream>

#include "nn/define.h"
#include "tenon/ops/ops.h"

namespace tenon::nn {
namespace functional {

Tensor l1_loss(const Tensor& input, const Tensor& target, const L1LossFuncOptions& options) {
  return tenon::l1_loss(input, target, options.reduction());
}

Tensor mse_loss(const Tensor& input, const Tensor& target, const MSELossFuncOptions& options) {
  return tenon::mse_loss(input, target, options.reduction());
}

Tensor smooth_l1_loss(const Tensor& input, const Tensor& target, const SmoothL1LossFuncOptions& options) {
  return tenon::smooth_l1_loss(input, target, options.reduction(), options.beta().value_or(1));
}

Tensor huber_loss(const Tensor& input, const Tensor& target, const HuberLossFuncOptions& options) {
  return tenon::huber_loss(input, target, options.reduction(), options.delta());
}

Tensor kl_div(const Tensor& input, const Tensor& target, const KLDivFuncOptions& options) {
  return tenon::kl_div(input, target, options.reduction(), options.log_target());
}

Tensor binary_cross_entropy(const Tensor& input, const Tensor& target, const BinaryCrossEntropyFuncOptions& options) {
  return tenon::binary_cross_entropy(input, target, given(options.weight()), options.reduction());
}

Tensor binary_cross_entropy_with_logits(const Tensor& input, const Tensor& target,
                                        const BinaryCrossEntropyWithLogitsFuncOptions& options) {
  return tenon::binary_cross_entropy_with_logits(input, target, given(options.weight()), options.reduction(),
                                                 given(options.pos_weight()));
}

Tensor hinge_embedding_loss(const Tensor& input, const Tensor& target, const HingeEmbeddingLossFuncOptions& options) {
  return tenon::hinge_embedding_loss(input, target, options.margin(), options.reduction());
}

Tensor multi_margin_loss(const Tensor& input, const Tensor& target, const MultiMarginLossFuncOptions& options) {
  return tenon::multi_margin_loss(input, target, options.p(), options.margin(), given(options.weight()),
                                  options.reduction());
}

Tensor multilabel_margin_loss(const Tensor& input, const Tensor& target,
                              const MultilabelMarginLossFuncOptions& options) {
  return tenon::multilabel_margin_loss(input, target, options.reduction());
}

Tensor soft_margin_loss(const Tensor& input, const Tensor& target, const SoftMarginLossFuncOptions& options) {
  return tenon::soft_margin_loss(input, target, options.reduction());
}

Tensor multilabel_soft_margin_loss(const Tensor& input, const Tensor& target,
                                   const MultilabelSoftMarginLossFuncOptions& options) {
  return tenon::multilabel_soft_margin_loss(input, target, given(options.weight()), options.reduction());
}

Tensor poisson_nll_loss(const Tensor& input, const Tensor& target, const PoissonNLLLossFuncOptions& options) {
  return tenon::poisson_nll_loss(input, target, options.log_input(), options.full(), options.eps(),
                                 options.reduction());
}

Tensor nll_loss(const Tensor& input, const Tensor& target, const NLLLossFuncOptions& options) {
  return tenon::nll_loss(input, target, given(options.weight()), options.ignore_index(), options.reduction());
}

Tensor cross_entropy(const Tensor& input, const Tensor& target, const CrossEntropyFuncOptions& options) {
  return tenon::cross_entropy(input, target, given(options.weight()), options.ignore_index(), options.reduction(),
                              options.label_smoothing());
}

Tensor cosine_embedding_loss(const Tensor& input1, const Tensor& input2, const Tensor& target,
                             const CosineEmbeddingLossFuncOptions& options) {
  return tenon::cosine_embedding_loss(input1, input2, target, options.margin(), options.reduction());
}

Tensor triplet_margin_loss(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                           const TripletMarginLossFuncOptions& options) {
  return tenon::triplet_margin_loss(anchor, positive, negative, options.margin(), options.p(), options.eps(),
                                    options.swap(), options.reduction());
}

Tensor triplet_margin_with_distance_loss(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                                         const TripletMarginWithDistanceLossFuncOptions& options) {
  TENON_CHECK_VALUE(options.margin() > 0, "triplet_margin_with_distance_loss: margin must be greater than 0, got ",
                    options.margin());
  auto distance = [&](const Tensor& a, const Tensor& b) {
    return options.distance_function() ? (*options.distance_function())(a, b) : tenon::pairwise_distance(a, b);
  };
  const Tensor near = distance(anchor, positive);
  Tensor far = distance(anchor, negative);
  if (options.swap()) far = minimum(far, distance(positive, negative));
  const Tensor loss = (options.margin() + near - far).clamp_min(0);
  const std::string_view reduction = options.reduction();
  return reduction == kNone ? loss : reduction == kMean ? loss.mean() : loss.sum();
}

Tensor ctc_loss(const Tensor& log_probs, const Tensor& targets, const Tensor& input_lengths,
                const Tensor& target_lengths, const CTCLossFuncOptions& options) {
  return tenon::ctc_loss(log_probs, targets, input_lengths, target_lengths, options.blank(), options.reduction(),
                         options.zero_infinity());
}

Tensor gaussian_nll_loss(const Tensor& input, const Tensor& target, const Tensor& var,
                         const GaussianNLLLossFuncOptions& options) {
  return tenon::gaussian_nll_loss(input, target, var, options.full(), options.eps(), options.reduction());
}

Tensor margin_ranking_loss(const Tensor& input1, const Tensor& input2, const Tensor& target,
                           const MarginRankingLossFuncOptions& options) {
  return tenon::margin_ranking_loss(input1, input2, target, options.margin(), options.reduction());
}

}  // namespace functional

#define TENON_LOSS_MODULE(Name, params, call, printed)                     \
  Name##Impl::Name##Impl(Options options) : options(std::move(options)) {} \
  Tensor Name##Impl::forward params { return functional::call; }           \
  void Name##Impl::pretty_print(std::ostream& stream) const { stream << "torch::nn::" #Name << printed; }
#define TENON_LOSS(Name, function, printed) \
  TENON_LOSS_MODULE(Name, (const Tensor& input, const Tensor& target), function(input, target, options), printed)
#define TENON_MARGIN "(margin=" << options.margin()

TENON_LOSS(L1Loss, l1_loss, "()")
TENON_LOSS(MSELoss, mse_loss, "()")
TENON_LOSS(SmoothL1Loss, smooth_l1_loss, "")
TENON_LOSS(HuberLoss, huber_loss, "")
TENON_LOSS(KLDivLoss, kl_div, "()")
TENON_LOSS(BCELoss, binary_cross_entropy, "()")
TENON_LOSS(BCEWithLogitsLoss, binary_cross_entropy_with_logits, "()")
TENON_LOSS(HingeEmbeddingLoss, hinge_embedding_loss, TENON_MARGIN << ")")
TENON_LOSS(MultiMarginLoss, multi_margin_loss,
           "(p=" << options.p() << ", margin=" << options.margin() << ", weight=" << options.weight()
                 << ", reduction=" << constant_name(options.reduction()) << ")")
TENON_LOSS(MultiLabelMarginLoss, multilabel_margin_loss, "()")
TENON_LOSS(SoftMarginLoss, soft_margin_loss, "()")
TENON_LOSS(MultiLabelSoftMarginLoss, multilabel_soft_margin_loss, "()")
TENON_LOSS(PoissonNLLLoss, poisson_nll_loss, "()")
TENON_LOSS(NLLLoss, nll_loss, "()")
TENON_LOSS(CrossEntropyLoss, cross_entropy, "()")
TENON_LOSS_MODULE(CosineEmbeddingLoss, (const Tensor& input1, const Tensor& input2, const Tensor& target),
                  cosine_embedding_loss(input1, input2, target, options), TENON_MARGIN << ")")
TENON_LOSS_MODULE(TripletMarginLoss, (const Tensor& anchor, const Tensor& positive, const Tensor& negative),
                  triplet_margin_loss(anchor, positive, negative, options),
                  TENON_MARGIN << ", p=" << options.p() << ", eps=" << options.eps() << std::boolalpha
                               << ", swap=" << options.swap() << ")")
TENON_LOSS_MODULE(TripletMarginWithDistanceLoss, (const Tensor& anchor, const Tensor& positive, const Tensor& negative),
                  triplet_margin_with_distance_loss(anchor, positive, negative, options),
                  TENON_MARGIN << std::boolalpha << ", swap=" << options.swap() << ")")
TENON_LOSS_MODULE(CTCLoss,
                  (const Tensor& log_probs, const Tensor& targets, const Tensor& input_lengths,
                   const Tensor& target_lengths),
                  ctc_loss(log_probs, targets, input_lengths, target_lengths, options), "()")
TENON_LOSS_MODULE(GaussianNLLLoss, (const Tensor& input, const Tensor& target, const Tensor& var),
                  gaussian_nll_loss(input, target, var, options), "()")
TENON_LOSS_MODULE(MarginRankingLoss, (const Tensor& input1, const Tensor& input2, const Tensor& target),
                  margin_ranking_loss(input1, input2, target, options), "()")

}  // namespace tenon::nn
