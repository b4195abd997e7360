// Activations; see activation.h.
#include "tenon/nn/activation.h"

#include <ostream>

#include "nn/define.h"
#include "tenon/nn/init.h"
#include "tenon/ops/ops.h"

namespace tenon::nn {
namespace functional {

#define TENON_EITHER(name, ...) options.inplace() ? Tensor(input.name##_(__VA_ARGS__)) : input.name(__VA_ARGS__)

Tensor elu(const Tensor& input, const ELUFuncOptions& options) { return TENON_EITHER(elu, options.alpha()); }
Tensor selu(const Tensor& input, const SELUFuncOptions& options) { return TENON_EITHER(selu); }
Tensor glu(const Tensor& input, const GLUFuncOptions& options) { return tenon::glu(input, options.dim()); }
Tensor gelu(const Tensor& input, const GELUFuncOptions& options) { return tenon::gelu(input, options.approximate()); }
Tensor hardshrink(const Tensor& input, const HardshrinkFuncOptions& options) {
  return input.hardshrink(options.lambda());
}
Tensor hardtanh(const Tensor& input, const HardtanhFuncOptions& options) {
  TENON_CHECK_VALUE(options.min_val() <= options.max_val(), "hardtanh: min_val must not be greater than max_val, got ",
                    options.min_val(), " and ", options.max_val());
  return TENON_EITHER(hardtanh, options.min_val(), options.max_val());
}
Tensor leaky_relu(const Tensor& input, const LeakyReLUFuncOptions& options) {
  return TENON_EITHER(leaky_relu, options.negative_slope());
}
Tensor logsigmoid(const Tensor& input) { return input.log_sigmoid(); }
Tensor softmax(const Tensor& input, const SoftmaxFuncOptions& options) {
  return input.softmax(options.dim(), options.dtype());
}
Tensor softmin(const Tensor& input, const SoftminFuncOptions& options) {
  return input.neg().softmax(options.dim(), options.dtype());
}
Tensor log_softmax(const Tensor& input, const LogSoftmaxFuncOptions& options) {
  return input.log_softmax(options.dim(), options.dtype());
}
Tensor gumbel_softmax(const Tensor& logits, const GumbelSoftmaxFuncOptions& options) {
  const Tensor gumbels = empty_like(logits).exponential_().log().neg();
  const Tensor soft = ((logits + gumbels) / options.tau()).softmax(options.dim());
  if (!options.hard()) return soft;
  const Tensor index = std::get<1>(soft.max(options.dim(), true));
  return zeros_like(logits).scatter_(options.dim(), index, 1.0) - soft.detach() + soft;
}
Tensor prelu(const Tensor& input, const Tensor& weight) { return input.prelu(weight); }
Tensor relu(const Tensor& input, const ReLUFuncOptions& options) { return TENON_EITHER(relu); }
Tensor relu6(const Tensor& input, const ReLU6FuncOptions& options) { return TENON_EITHER(relu6); }
Tensor rrelu(const Tensor& input, const RReLUFuncOptions& options) {
  return options.inplace() ? tenon::rrelu_(input, options.lower(), options.upper(), options.training())
                           : tenon::rrelu(input, options.lower(), options.upper(), options.training());
}
Tensor celu(const Tensor& input, const CELUFuncOptions& options) { return TENON_EITHER(celu, options.alpha()); }
Tensor silu(const Tensor& input) { return input.silu(); }
Tensor mish(const Tensor& input) { return input.mish(); }
Tensor hardsigmoid(const Tensor& input) { return input.hardsigmoid(); }
Tensor hardswish(const Tensor& input) { return input.hardswish(); }
Tensor softplus(const Tensor& input, const SoftplusFuncOptions& options) {
  return input.softplus(options.beta(), options.threshold());
}
Tensor softshrink(const Tensor& input, const SoftshrinkFuncOptions& options) {
  TENON_CHECK(options.lambda() >= 0, "softshrink: lambda must not be negative, got ", options.lambda());
  return input.softshrink(options.lambda());
}
Tensor softsign(const Tensor& input) { return tenon::softsign(input); }
Tensor tanhshrink(const Tensor& input) { return input.tanhshrink(); }
Tensor threshold(const Tensor& input, const ThresholdFuncOptions& options) {
  return TENON_EITHER(threshold, options.threshold(), options.value());
}
#undef TENON_EITHER

}  // namespace functional

namespace F = functional;

TENON_LAYER(ELU, F::elu(input, options), "alpha=" << options.alpha() << inplace_ending(options.inplace(), false))
TENON_LAYER(SELU, F::selu(input, options), inplace_ending(options.inplace(), true))
TENON_LAYER(GLU, F::glu(input, options), "dim=" << options.dim() << ")")
TENON_LAYER(GELU, F::gelu(input, options), ")")
TENON_LAYER(Hardshrink, F::hardshrink(input, options), options.lambda() << ")")
TENON_LAYER(Hardtanh, F::hardtanh(input, options),
            "min_val=" << options.min_val() << ", max_val=" << options.max_val()
                       << inplace_ending(options.inplace(), false))
TENON_LAYER(LeakyReLU, F::leaky_relu(input, options),
            "negative_slope=" << options.negative_slope() << inplace_ending(options.inplace(), false))
TENON_LAYER(ReLU, F::relu(input, options), inplace_ending(options.inplace(), true))
TENON_LAYER(ReLU6, F::relu6(input, options), inplace_ending(options.inplace(), true))
TENON_LAYER(RReLU,
            F::rrelu(input, F::RReLUFuncOptions()
                                .lower(options.lower())
                                .upper(options.upper())
                                .training(is_training())
                                .inplace(options.inplace())),
            "lower=" << options.lower() << ", upper=" << options.upper() << inplace_ending(options.inplace(), false))
TENON_LAYER(CELU, F::celu(input, options), "alpha=" << options.alpha() << inplace_ending(options.inplace(), false))
TENON_LAYER(Softplus, F::softplus(input, options),
            "beta=" << options.beta() << ", threshold=" << options.threshold() << ")")
TENON_LAYER(Softshrink, F::softshrink(input, options), options.lambda() << ")")
TENON_LAYER(Threshold, F::threshold(input, options),
            "threshold=" << options.threshold() << ", value=" << options.value()
                         << inplace_ending(options.inplace(), false))
TENON_LAYER(Softmax, F::softmax(input, options.dim()), "dim=" << options.dim() << ")")
TENON_LAYER(Softmin, F::softmin(input, options.dim()), "dim=" << options.dim() << ")")
TENON_LAYER(LogSoftmax, F::log_softmax(input, options.dim()), "dim=" << options.dim() << ")")
TENON_PLAIN_LAYER(LogSigmoid, F::logsigmoid(input))
TENON_PLAIN_LAYER(SiLU, F::silu(input))
TENON_PLAIN_LAYER(Mish, F::mish(input))
TENON_PLAIN_LAYER(Sigmoid, input.sigmoid())
TENON_PLAIN_LAYER(Softsign, F::softsign(input))
TENON_PLAIN_LAYER(Tanh, input.tanh())
TENON_PLAIN_LAYER(Tanhshrink, F::tanhshrink(input))
TENON_PLAIN_LAYER(Hardsigmoid, F::hardsigmoid(input))
TENON_PLAIN_LAYER(Hardswish, F::hardswish(input))

void Softmax2dImpl::pretty_print(std::ostream& stream) const { stream << "torch::nn::Softmax2d()"; }
Tensor Softmax2dImpl::forward(const Tensor& input) {
  TENON_CHECK_VALUE(input.dim() == 4 || input.dim() == 3, "Softmax2d: expected 3D or 4D input (got ", input.dim(),
                    "D input)");
  return input.softmax(-3);
}

PReLUImpl::PReLUImpl(PReLUOptions options) : options(std::move(options)) { reset(); }

void PReLUImpl::reset() { weight = register_parameter("weight", full({options.num_parameters()}, options.init())); }

void PReLUImpl::pretty_print(std::ostream& stream) const {
  stream << "torch::nn::PReLU(num_parameters=" << options.num_parameters() << ")";
}

Tensor PReLUImpl::forward(const Tensor& input) { return F::prelu(input, weight); }

}  // namespace tenon::nn
