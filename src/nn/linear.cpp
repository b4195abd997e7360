// Linear maps; see linear.h.
#include "tenon/nn/linear.h"

#include <cmath>
#include <ostream>

#include "nn/define.h"
#include "tenon/nn/init.h"
#include "tenon/ops/ops.h"

namespace tenon::nn {
namespace functional {

Tensor linear(const Tensor& input, const Tensor& weight, const Tensor& bias) {
  return tenon::linear(input, weight, given(bias));
}

Tensor bilinear(const Tensor& input1, const Tensor& input2, const Tensor& weight, const Tensor& bias) {
  return tenon::bilinear(input1, input2, weight, given(bias));
}

}  // namespace functional

void IdentityImpl::pretty_print(std::ostream& stream) const { stream << "torch::nn::Identity()"; }

LinearImpl::LinearImpl(Options options) : options(std::move(options)) { reset(); }

void LinearImpl::reset() {
  if (options.in_features() == kLazy) return;
  weight = register_parameter("weight", empty({options.out_features(), options.in_features()}));
  bias = register_parameter("bias", options.bias() ? empty({options.out_features()}) : Tensor());
  reset_parameters();
}

void LinearImpl::reset_parameters() {
  init::kaiming_uniform_(weight, std::sqrt(5.0));
  if (bias.defined()) {
    const int64_t fan_in = options.in_features();
    const double bound = fan_in > 0 ? 1 / std::sqrt(static_cast<double>(fan_in)) : 0;
    init::uniform_(bias, -bound, bound);
  }
}

void LinearImpl::pretty_print(std::ostream& stream) const {
  stream << std::boolalpha << "torch::nn::Linear(in_features=" << options.in_features()
         << ", out_features=" << options.out_features() << ", bias=" << options.bias() << ")";
}

Tensor LinearImpl::forward(const Tensor& input) {
  if (options.in_features() == kLazy) {
    options.in_features(input.size(-1));
    reset();
  }
  return functional::linear(input, weight, bias);
}

void LinearImpl::materialize(const StateDict& state, const std::string& prefix) {
  if (options.in_features() != kLazy) return;
  if (const Tensor* loaded = state.find(prefix + "weight")) {
    options.in_features(loaded->size(-1));
    reset();
  }
}

BilinearImpl::BilinearImpl(Options options) : options(std::move(options)) { reset(); }

void BilinearImpl::reset() {
  TENON_CHECK_VALUE(options.in1_features() > 0, "in1_features must be > 0, but got ", options.in1_features());
  weight =
      register_parameter("weight", empty({options.out_features(), options.in1_features(), options.in2_features()}));
  bias = register_parameter("bias", options.bias() ? empty({options.out_features()}) : Tensor());
  reset_parameters();
}

void BilinearImpl::reset_parameters() {
  const double bound = 1 / std::sqrt(static_cast<double>(weight.size(1)));
  init::uniform_(weight, -bound, bound);
  if (bias.defined()) init::uniform_(bias, -bound, bound);
}

void BilinearImpl::pretty_print(std::ostream& stream) const {
  stream << std::boolalpha << "torch::nn::Bilinear(in1_features=" << options.in1_features()
         << ", in2_features=" << options.in2_features() << ", out_features=" << options.out_features()
         << ", bias=" << options.bias() << ")";
}

Tensor BilinearImpl::forward(const Tensor& input1, const Tensor& input2) {
  return functional::bilinear(input1, input2, weight, bias);
}

TENON_LAYER(Flatten, input.flatten(options.start_dim(), options.end_dim()),
            "start_dim=" << options.start_dim() << ", end_dim=" << options.end_dim() << ")")

UnflattenImpl::UnflattenImpl(Options options) : options(std::move(options)) {}
Tensor UnflattenImpl::forward(const Tensor& input) { return input.unflatten(options.dim(), options.sizes()); }
void UnflattenImpl::pretty_print(std::ostream& stream) const {
  stream << "torch::nn::Unflatten(dim=" << options.dim() << ", unflattened_size={";
  for (size_t i = 0; i < options.sizes().size(); ++i) stream << (i ? ", " : "") << options.sizes()[i];
  stream << "})";
}

}  // namespace tenon::nn
