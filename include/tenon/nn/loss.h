// Losses: options, functions and modules.
#pragma once

#include <functional>

#include "tenon/nn/layer.h"
#include "tenon/nn/linear.h"

namespace tenon::nn {

// A loss that only needs to know how to combine the losses of the elements: kMean, kSum or kNone.
#define TENON_REDUCED_LOSS(Name)                                                 \
  struct Name##Options {                                                         \
    Name##Options(std::string_view reduction = kMean) : reduction_(reduction) {} \
    TENON_ARG(std::string_view, reduction);                                      \
  }
TENON_REDUCED_LOSS(L1Loss);
TENON_REDUCED_LOSS(MSELoss);
TENON_REDUCED_LOSS(MultiLabelMarginLoss);
TENON_REDUCED_LOSS(SoftMarginLoss);
#undef TENON_REDUCED_LOSS
struct KLDivLossOptions {
  KLDivLossOptions(std::string_view reduction = kMean) : reduction_(reduction) {}
  TENON_ARG(std::string_view, reduction);
  TENON_ARG(bool, log_target) = false;
};
struct SmoothL1LossOptions {
  SmoothL1LossOptions(std::string_view reduction = kMean) : reduction_(reduction) {}
  TENON_ARG(std::string_view, reduction);
  TENON_ARG(optional<double>, beta);
};
struct HuberLossOptions {
  HuberLossOptions(std::string_view reduction = kMean) : reduction_(reduction) {}
  TENON_ARG(std::string_view, reduction);
  TENON_ARG(double, delta) = 1;
};
struct BCELossOptions {
  TENON_ARG(Tensor, weight);
  TENON_ARG(std::string_view, reduction) = kMean;
};
struct BCEWithLogitsLossOptions {
  TENON_ARG(Tensor, weight);
  TENON_ARG(std::string_view, reduction) = kMean;
  TENON_ARG(Tensor, pos_weight);
};
struct HingeEmbeddingLossOptions {
  TENON_ARG(double, margin) = 1;
  TENON_ARG(std::string_view, reduction) = kMean;
};
struct MultiMarginLossOptions {
  TENON_ARG(int64_t, p) = 1;
  TENON_ARG(double, margin) = 1;
  TENON_ARG(Tensor, weight);
  TENON_ARG(std::string_view, reduction) = kMean;
};
struct CosineEmbeddingLossOptions {
  TENON_ARG(double, margin) = 0;
  TENON_ARG(std::string_view, reduction) = kMean;
};
struct MultiLabelSoftMarginLossOptions {
  TENON_ARG(Tensor, weight);
  TENON_ARG(std::string_view, reduction) = kMean;
};
struct TripletMarginLossOptions {
  TENON_ARG(double, margin) = 1;
  TENON_ARG(double, p) = 2;
  TENON_ARG(double, eps) = 1e-6;
  TENON_ARG(bool, swap) = false;
  TENON_ARG(std::string_view, reduction) = kMean;
};
struct TripletMarginWithDistanceLossOptions {
  using distance_function_t = std::function<Tensor(const Tensor&, const Tensor&)>;
  // Without one, pairwise_distance.
  TENON_ARG(optional<distance_function_t>, distance_function);
  TENON_ARG(double, margin) = 1;
  TENON_ARG(bool, swap) = false;
  TENON_ARG(std::string_view, reduction) = kMean;
};
struct CTCLossOptions {
  TENON_ARG(int64_t, blank) = 0;
  TENON_ARG(std::string_view, reduction) = kMean;
  TENON_ARG(bool, zero_infinity) = false;
};
struct PoissonNLLLossOptions {
  TENON_ARG(bool, log_input) = true;
  TENON_ARG(bool, full) = false;
  TENON_ARG(double, eps) = 1e-8;
  TENON_ARG(std::string_view, reduction) = kMean;
};
struct GaussianNLLLossOptions {
  TENON_ARG(bool, full) = false;
  TENON_ARG(double, eps) = 1e-6;
  TENON_ARG(std::string_view, reduction) = kMean;
};
struct MarginRankingLossOptions {
  TENON_ARG(double, margin) = 0;
  TENON_ARG(std::string_view, reduction) = kMean;
};
struct NLLLossOptions {
  TENON_ARG(Tensor, weight);
  TENON_ARG(int64_t, ignore_index) = -100;
  TENON_ARG(std::string_view, reduction) = kMean;
};
struct CrossEntropyLossOptions {
  TENON_ARG(Tensor, weight);
  TENON_ARG(int64_t, ignore_index) = -100;
  TENON_ARG(std::string_view, reduction) = kMean;
  TENON_ARG(double, label_smoothing) = 0;
};
struct LinearCrossEntropyLossOptions {
  LinearCrossEntropyLossOptions(int64_t in_features, int64_t num_classes)
      : in_features_(in_features), num_classes_(num_classes) {}
  TENON_ARG(int64_t, in_features);
  TENON_ARG(int64_t, num_classes);
  TENON_ARG(std::vector<int64_t>, out_features);
  TENON_ARG(bool, bias) = false;
  TENON_ARG(Tensor, weight);
  TENON_ARG(std::string_view, reduction) = kMean;
  TENON_ARG(optional<int64_t>, ignore_index);
  TENON_ARG(double, label_smoothing) = 0;
};

namespace functional {

// A loss of an input and a target.
#define TENON_LOSS(name, FuncOptions, Options) \
  using FuncOptions = Options;                 \
  TENON_API Tensor name(const Tensor& input, const Tensor& target, const FuncOptions& options = {})
TENON_LOSS(l1_loss, L1LossFuncOptions, L1LossOptions);
TENON_LOSS(mse_loss, MSELossFuncOptions, MSELossOptions);
TENON_LOSS(smooth_l1_loss, SmoothL1LossFuncOptions, SmoothL1LossOptions);
TENON_LOSS(huber_loss, HuberLossFuncOptions, HuberLossOptions);
TENON_LOSS(kl_div, KLDivFuncOptions, KLDivLossOptions);
TENON_LOSS(binary_cross_entropy, BinaryCrossEntropyFuncOptions, BCELossOptions);
TENON_LOSS(binary_cross_entropy_with_logits, BinaryCrossEntropyWithLogitsFuncOptions, BCEWithLogitsLossOptions);
TENON_LOSS(hinge_embedding_loss, HingeEmbeddingLossFuncOptions, HingeEmbeddingLossOptions);
TENON_LOSS(multi_margin_loss, MultiMarginLossFuncOptions, MultiMarginLossOptions);
TENON_LOSS(multilabel_margin_loss, MultilabelMarginLossFuncOptions, MultiLabelMarginLossOptions);
TENON_LOSS(soft_margin_loss, SoftMarginLossFuncOptions, SoftMarginLossOptions);
TENON_LOSS(multilabel_soft_margin_loss, MultilabelSoftMarginLossFuncOptions, MultiLabelSoftMarginLossOptions);
TENON_LOSS(poisson_nll_loss, PoissonNLLLossFuncOptions, PoissonNLLLossOptions);
TENON_LOSS(nll_loss, NLLLossFuncOptions, NLLLossOptions);
TENON_LOSS(cross_entropy, CrossEntropyFuncOptions, CrossEntropyLossOptions);
#undef TENON_LOSS
using CosineEmbeddingLossFuncOptions = CosineEmbeddingLossOptions;
using TripletMarginLossFuncOptions = TripletMarginLossOptions;
using TripletMarginWithDistanceLossFuncOptions = TripletMarginWithDistanceLossOptions;
using CTCLossFuncOptions = CTCLossOptions;
using GaussianNLLLossFuncOptions = GaussianNLLLossOptions;
using MarginRankingLossFuncOptions = MarginRankingLossOptions;
TENON_API Tensor cosine_embedding_loss(const Tensor& input1, const Tensor& input2, const Tensor& target,
                                       const CosineEmbeddingLossFuncOptions& options = {});
TENON_API Tensor triplet_margin_loss(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                                     const TripletMarginLossFuncOptions& options = {});
TENON_API Tensor triplet_margin_with_distance_loss(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                                                   const TripletMarginWithDistanceLossFuncOptions& options = {});
TENON_API Tensor ctc_loss(const Tensor& log_probs, const Tensor& targets, const Tensor& input_lengths,
                          const Tensor& target_lengths, const CTCLossFuncOptions& options = {});
TENON_API Tensor gaussian_nll_loss(const Tensor& input, const Tensor& target, const Tensor& var,
                                   const GaussianNLLLossFuncOptions& options = {});
TENON_API Tensor margin_ranking_loss(const Tensor& input1, const Tensor& input2, const Tensor& target,
                                     const MarginRankingLossFuncOptions& options = {});

}  // namespace functional

#define TENON_LOSS(Name, ...)                               \
  class TENON_API Name##Impl : public CloneableModule {     \
    TENON_LAYER_MEMBERS(Name)                               \
    Name##Impl() : Name##Impl(Options()) {}                 \
    void pretty_print(std::ostream& stream) const override; \
    Tensor forward(__VA_ARGS__);                            \
  };                                                        \
  TENON_MODULE(Name)
// The same, with a weight for each class or element, which is a buffer.
#define TENON_WEIGHTED_LOSS(Name, ...)                      \
  class TENON_API Name##Impl : public CloneableModule {     \
    TENON_LAYER_MEMBERS(Name)                               \
    Name##Impl() : Name##Impl(Options()) {}                 \
    void reset() override;                                  \
    void pretty_print(std::ostream& stream) const override; \
    Tensor forward(__VA_ARGS__);                            \
                                                            \
    Tensor weight;                                          \
  };                                                        \
  TENON_MODULE(Name)
TENON_LOSS(L1Loss, const Tensor& input, const Tensor& target);
TENON_LOSS(MSELoss, const Tensor& input, const Tensor& target);
TENON_LOSS(SmoothL1Loss, const Tensor& input, const Tensor& target);
TENON_LOSS(HuberLoss, const Tensor& input, const Tensor& target);
TENON_LOSS(KLDivLoss, const Tensor& input, const Tensor& target);
TENON_WEIGHTED_LOSS(BCELoss, const Tensor& input, const Tensor& target);
TENON_LOSS(HingeEmbeddingLoss, const Tensor& input, const Tensor& target);
TENON_WEIGHTED_LOSS(MultiMarginLoss, const Tensor& input, const Tensor& target);
TENON_LOSS(MultiLabelMarginLoss, const Tensor& input, const Tensor& target);
TENON_LOSS(SoftMarginLoss, const Tensor& input, const Tensor& target);
TENON_WEIGHTED_LOSS(MultiLabelSoftMarginLoss, const Tensor& input, const Tensor& target);
TENON_LOSS(PoissonNLLLoss, const Tensor& input, const Tensor& target);
TENON_WEIGHTED_LOSS(NLLLoss, const Tensor& input, const Tensor& target);
TENON_WEIGHTED_LOSS(CrossEntropyLoss, const Tensor& input, const Tensor& target);
TENON_LOSS(CosineEmbeddingLoss, const Tensor& input1, const Tensor& input2, const Tensor& target);
TENON_LOSS(TripletMarginLoss, const Tensor& anchor, const Tensor& positive, const Tensor& negative);
TENON_LOSS(TripletMarginWithDistanceLoss, const Tensor& anchor, const Tensor& positive, const Tensor& negative);
TENON_LOSS(CTCLoss, const Tensor& log_probs, const Tensor& targets, const Tensor& input_lengths,
           const Tensor& target_lengths);
TENON_LOSS(GaussianNLLLoss, const Tensor& input, const Tensor& target, const Tensor& var);
TENON_LOSS(MarginRankingLoss, const Tensor& input1, const Tensor& input2, const Tensor& target);
#undef TENON_WEIGHTED_LOSS
#undef TENON_LOSS

class TENON_API BCEWithLogitsLossImpl : public CloneableModule {
  TENON_LAYER_MEMBERS(BCEWithLogitsLoss)
  BCEWithLogitsLossImpl() : BCEWithLogitsLossImpl(Options()) {}
  void reset() override;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input, const Tensor& target);

  Tensor weight, pos_weight;
};
TENON_MODULE(BCEWithLogitsLoss);

// The cross entropy of what a linear layer gives, whose rows are the classes, or those for each of `out_features`.
class TENON_API LinearCrossEntropyLossImpl : public CloneableModule {
  TENON_LAYER_MEMBERS(LinearCrossEntropyLoss)
  void reset() override;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input, const Tensor& target);

  Linear linear{nullptr};
  Tensor weight;
};
TENON_MODULE(LinearCrossEntropyLoss);

}  // namespace tenon::nn
