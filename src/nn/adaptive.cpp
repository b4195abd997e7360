// The adaptive softmax; see adaptive.h.
#include "tenon/nn/adaptive.h"

#include <cmath>
#include <ostream>

#include "tenon/ops/ops.h"

namespace tenon::nn {

AdaptiveLogSoftmaxWithLossImpl::AdaptiveLogSoftmaxWithLossImpl(Options options) : options(std::move(options)) {
  reset();
}

void AdaptiveLogSoftmaxWithLossImpl::reset() {
  cutoffs = options.cutoffs();
  TENON_CHECK_VALUE(!cutoffs.empty(), "cutoffs should be a sequence of length larger than 0");
  for (size_t i = 0; i < cutoffs.size(); ++i) {
    TENON_CHECK_VALUE(cutoffs[i] > (i == 0 ? 0 : cutoffs[i - 1]) && cutoffs[i] <= options.n_classes() - 1,
                      "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where "
                      "each value is between 1 and n_classes-1, got ",
                      IntArrayRef(cutoffs));
  }
  cutoffs.push_back(options.n_classes());
  shortlist_size = cutoffs[0];
  n_clusters = static_cast<int64_t>(cutoffs.size()) - 1;
  head_size = shortlist_size + n_clusters;
  head = register_module("head", Linear(LinearOptions(options.in_features(), head_size).bias(options.head_bias())));
  tail = register_module("tail", ModuleList());
  for (int64_t i = 0; i < n_clusters; ++i) {
    const auto place = static_cast<size_t>(i);
    const auto width = static_cast<int64_t>(static_cast<double>(options.in_features()) /
                                            std::pow(options.div_value(), static_cast<double>(i + 1)));
    const int64_t classes = cutoffs[place + 1] - cutoffs[place];
    // One after the other, as the order of arguments is the compiler's.
    Sequential cluster;
    cluster->push_back(Linear(LinearOptions(options.in_features(), width).bias(false)));
    cluster->push_back(Linear(LinearOptions(width, classes).bias(false)));
    tail->push_back(cluster);
  }
}

void AdaptiveLogSoftmaxWithLossImpl::reset_parameters() {
  head->reset_parameters();
  for (const auto& cluster : *tail) {
    for (const auto& layer : cluster->children()) layer->as<Linear>()->reset_parameters();
  }
}

void AdaptiveLogSoftmaxWithLossImpl::pretty_print(std::ostream& stream) const {
  stream << "torch::nn::AdaptiveLogSoftmaxWithLoss";
}

ASMoutput AdaptiveLogSoftmaxWithLossImpl::forward(const Tensor& given_input, const Tensor& given_target) {
  const bool batched = given_target.dim() > 0;
  TENON_CHECK(given_target.dim() <= 1 && given_input.dim() == given_target.dim() + 1,
              "AdaptiveLogSoftmaxWithLoss: input and target must be 2-d and 1-d, or 1-d and 0-d, got ",
              given_input.dim(), "-d and ", given_target.dim(), "-d");
  const Tensor input = batched ? given_input : given_input.unsqueeze(0);
  const Tensor target = batched ? given_target : given_target.unsqueeze(0);
  TENON_CHECK(input.size(0) == target.size(0),
              "Input and target should have the same size in the batch dimension, got ", input.size(0), " and ",
              target.size(0));
  TENON_CHECK(logical_and(target.ge(0), target.lt(options.n_classes())).all().item<bool>(),
              "Target values should be in [0, ", options.n_classes() - 1, "]");
  // What the head says of the target, or of its cluster.
  const Tensor in_head = target.clone();
  Tensor output = zeros({target.size(0)}, input.options());
  for (int64_t i = 0; i < n_clusters; ++i) {
    const auto place = static_cast<size_t>(i);
    const int64_t first = cutoffs[place], last = cutoffs[place + 1];
    const Tensor rows = logical_and(target.ge(first), target.lt(last)).nonzero().squeeze(1);
    if (rows.numel() == 0) continue;
    in_head.index_fill_(0, rows, shortlist_size + i);
    const Tensor within = tail->at<SequentialImpl>(place).forward(input.index_select(0, rows)).log_softmax(1);
    const Tensor own = within.gather(1, (target.index_select(0, rows) - first).unsqueeze(1)).squeeze(1);
    output = output.index_copy(0, rows, own);
  }
  output = output + head(input).log_softmax(1).gather(1, in_head.unsqueeze(1)).squeeze(1);
  const double loss = output.detach().neg().mean().item<double>();
  return {batched ? output : output.squeeze(0), loss};
}

Tensor AdaptiveLogSoftmaxWithLossImpl::_get_full_log_prob(const Tensor& input, const Tensor& head_output) {
  const Tensor of_head = head_output.log_softmax(1);
  std::vector<Tensor> parts = {of_head.narrow(1, 0, shortlist_size)};
  for (int64_t i = 0; i < n_clusters; ++i) {
    const Tensor within = tail->at<SequentialImpl>(static_cast<size_t>(i)).forward(input).log_softmax(1);
    parts.push_back(within + of_head.narrow(1, shortlist_size + i, 1));
  }
  return cat(parts, 1);
}

Tensor AdaptiveLogSoftmaxWithLossImpl::log_prob(const Tensor& input) { return _get_full_log_prob(input, head(input)); }

Tensor AdaptiveLogSoftmaxWithLossImpl::predict(const Tensor& input) {
  const Tensor head_output = head(input);
  Tensor output = head_output.argmax(1);
  const Tensor rows = output.ge(shortlist_size).nonzero().squeeze(1);
  if (rows.numel() == 0) return output;
  const Tensor full = _get_full_log_prob(input.index_select(0, rows), head_output.index_select(0, rows));
  return output.index_copy(0, rows, full.argmax(1));
}

}  // namespace tenon::nn
