// A softmax over many classes, of which the rare ones are in clusters with narrower layers: options and module.
#pragma once

#include <vector>

#include "tenon/nn/container.h"
#include "tenon/nn/linear.h"

namespace tenon::nn {

struct AdaptiveLogSoftmaxWithLossOptions {
  AdaptiveLogSoftmaxWithLossOptions(int64_t in_features, int64_t n_classes, std::vector<int64_t> cutoffs)
      : in_features_(in_features), n_classes_(n_classes), cutoffs_(std::move(cutoffs)) {}
  TENON_ARG(int64_t, in_features);
  TENON_ARG(int64_t, n_classes);
  TENON_ARG(std::vector<int64_t>, cutoffs);
  TENON_ARG(double, div_value) = 4;
  TENON_ARG(bool, head_bias) = false;
};

// The log-probabilities of the targets, through which gradients go, and the mean of their negatives.
struct ASMoutput {
  ASMoutput(Tensor output, double loss) : output(std::move(output)), loss(loss) {}
  Tensor output;
  double loss;
};

class TENON_API AdaptiveLogSoftmaxWithLossImpl : public CloneableModule {
  TENON_LAYER_MEMBERS(AdaptiveLogSoftmaxWithLoss)

  void reset() override;
  void reset_parameters();
  void pretty_print(std::ostream& stream) const override;
  ASMoutput forward(const Tensor& input, const Tensor& target);
  // The log-probabilities of all classes.
  Tensor _get_full_log_prob(const Tensor& input, const Tensor& head_output);
  Tensor log_prob(const Tensor& input);
  // The most probable classes; clusters are looked into only where the head prefers one.
  Tensor predict(const Tensor& input);

  // Where the shortlist and the clusters end.
  std::vector<int64_t> cutoffs;
  int64_t shortlist_size = 0, n_clusters = 0, head_size = 0;
  Linear head = nullptr;
  ModuleList tail = nullptr;
};
TENON_MODULE(AdaptiveLogSoftmaxWithLoss);

}  // namespace tenon::nn
