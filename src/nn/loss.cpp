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
#define TENON_WEIGHTED_LOSS(Name, function, printed)                                            \
  Name##Impl::Name##Impl(Options options) : options(std::move(options)) { reset(); }            \
  void Name##Impl::reset() { weight = register_buffer("weight", buffer_of(options.weight())); } \
  Tensor Name##Impl::forward(const Tensor& input, const Tensor& target) {                       \
    return functional::function(input, target, Options(options).weight(weight));                \
  }                                                                                             \
  void Name##Impl::pretty_print(std::ostream& stream) const { stream << "torch::nn::" #Name << printed; }

namespace {
// A buffer with the values of a tensor that was given; a copy of the module gets values of its own.
Tensor buffer_of(const Tensor& given) { return given.defined() ? given.detach() : Tensor(); }
}  // namespace

TENON_LOSS(L1Loss, l1_loss, "()")
TENON_LOSS(MSELoss, mse_loss, "()")
TENON_LOSS(SmoothL1Loss, smooth_l1_loss, "")
TENON_LOSS(HuberLoss, huber_loss, "")
TENON_LOSS(KLDivLoss, kl_div, "()")
TENON_WEIGHTED_LOSS(BCELoss, binary_cross_entropy, "()")
TENON_LOSS(HingeEmbeddingLoss, hinge_embedding_loss, TENON_MARGIN << ")")
TENON_WEIGHTED_LOSS(MultiMarginLoss, multi_margin_loss,
                    "(p=" << options.p() << ", margin=" << options.margin() << ", weight=" << options.weight()
                          << ", reduction=" << constant_name(options.reduction()) << ")")
TENON_LOSS(MultiLabelMarginLoss, multilabel_margin_loss, "()")
TENON_LOSS(SoftMarginLoss, soft_margin_loss, "()")
TENON_WEIGHTED_LOSS(MultiLabelSoftMarginLoss, multilabel_soft_margin_loss, "()")
TENON_LOSS(PoissonNLLLoss, poisson_nll_loss, "()")
TENON_WEIGHTED_LOSS(NLLLoss, nll_loss, "()")
TENON_WEIGHTED_LOSS(CrossEntropyLoss, cross_entropy, "()")
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

BCEWithLogitsLossImpl::BCEWithLogitsLossImpl(Options options) : options(std::move(options)) { reset(); }

void BCEWithLogitsLossImpl::reset() {
  weight = register_buffer("weight", buffer_of(options.weight()));
  pos_weight = register_buffer("pos_weight", buffer_of(options.pos_weight()));
}

Tensor BCEWithLogitsLossImpl::forward(const Tensor& input, const Tensor& target) {
  return functional::binary_cross_entropy_with_logits(input, target,
                                                      Options(options).weight(weight).pos_weight(pos_weight));
}

void BCEWithLogitsLossImpl::pretty_print(std::ostream& stream) const { stream << "torch::nn::BCEWithLogitsLoss()"; }

LinearCrossEntropyLossImpl::LinearCrossEntropyLossImpl(Options options) : options(std::move(options)) { reset(); }

void LinearCrossEntropyLossImpl::reset() {
  const int64_t classes = options.num_classes();
  TENON_CHECK(!options.weight().defined() || options.weight().sizes() == IntArrayRef({classes}),
              "LinearCrossEntropyLoss: expected weight shape to be ", IntArrayRef({classes}), ", got ",
              options.weight().defined() ? options.weight().sizes() : IntArrayRef());
  TENON_CHECK(options.label_smoothing() >= 0 && options.label_smoothing() <= 1,
              "LinearCrossEntropyLoss: expected label_smoothing to be in range [0, 1], got ",
              options.label_smoothing());
  weight = register_buffer("weight", buffer_of(options.weight()));
  int64_t width = classes;
  for (const int64_t size : options.out_features()) width *= size;
  linear = register_module("linear", Linear(LinearOptions(options.in_features(), width).bias(options.bias())));
}

Tensor LinearCrossEntropyLossImpl::forward(const Tensor& input, const Tensor& target) {
  std::vector<int64_t> shape = {options.num_classes()};
  shape.insert(shape.end(), options.out_features().begin(), options.out_features().end());
  optional<Tensor> bias;
  if (linear->bias.defined()) bias = linear->bias.reshape(shape);
  shape.push_back(options.in_features());
  return linear_cross_entropy(input, linear->weight.reshape(shape), target, bias, given(weight), options.reduction(),
                              options.ignore_index(), options.label_smoothing());
}

void LinearCrossEntropyLossImpl::pretty_print(std::ostream& stream) const {
  stream << "torch::nn::LinearCrossEntropyLoss(in_features=" << options.in_features()
         << ", num_classes=" << options.num_classes() << ")";
}

}  // namespace tenon::nn
