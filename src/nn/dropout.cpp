// Dropout; see dropout.h.
#include "tenon/nn/dropout.h"

#include <ostream>

#include "nn/define.h"
#include "tenon/ops/ops.h"

namespace tenon::nn {
namespace functional {
namespace {

void check_probability(const char* op, double p) {
  TENON_CHECK_VALUE(p >= 0 && p <= 1, op, ": the dropout probability must be between 0 and 1, but is ", p);
}

// One sample's channels are those of a batch of one.
Tensor channel_dropout(const char* op, const Tensor& input, const DropoutFuncOptions& options, bool batched) {
  check_probability(op, options.p());
  const Tensor result =
      tenon::feature_dropout(batched ? input : input.unsqueeze(0), options.p(), options.training(), options.inplace());
  return options.inplace() ? input : batched ? result : result.squeeze(0);
}

}  // namespace

Tensor dropout(const Tensor& input, const DropoutFuncOptions& options) {
  check_probability("dropout", options.p());
  return tenon::dropout(input, options.p(), options.training(), options.inplace());
}

Tensor dropout1d(const Tensor& input, const Dropout1dFuncOptions& options) {
  TENON_CHECK(input.dim() == 2 || input.dim() == 3, "dropout1d: expected a 2-d or 3-d input, got ", input.dim(),
              " dims");
  return channel_dropout("dropout1d", input, options, input.dim() == 3);
}

Tensor dropout2d(const Tensor& input, const Dropout2dFuncOptions& options) {
  return channel_dropout("dropout2d", input, options, true);
}

Tensor dropout3d(const Tensor& input, const Dropout3dFuncOptions& options) {
  return channel_dropout("dropout3d", input, options, input.dim() == 5);
}

Tensor alpha_dropout(const Tensor& input, const AlphaDropoutFuncOptions& options) {
  check_probability("alpha_dropout", options.p());
  return tenon::alpha_dropout(input, options.p(), options.training(), options.inplace());
}

Tensor feature_alpha_dropout(const Tensor& input, const FeatureAlphaDropoutFuncOptions& options) {
  check_probability("feature_alpha_dropout", options.p());
  return tenon::feature_alpha_dropout(input, options.p(), options.training(), options.inplace());
}

}  // namespace functional

namespace {

void check_options(const DropoutOptions& options) {
  TENON_CHECK_VALUE(options.p() >= 0 && options.p() <= 1, "dropout probability has to be between 0 and 1, but got ",
                    options.p());
}

}  // namespace

#define TENON_DROPOUT(Name, function, FuncOptions)                                                                    \
  Name##Impl::Name##Impl(Options options) : options(std::move(options)) { check_options(this->options); }             \
  Tensor Name##Impl::forward(const Tensor& input) {                                                                   \
    return functional::function(                                                                                      \
        input, functional::FuncOptions().p(options.p()).training(is_training()).inplace(options.inplace()));          \
  }                                                                                                                   \
  void Name##Impl::pretty_print(std::ostream& stream) const {                                                         \
    stream << std::boolalpha << "torch::nn::" #Name "(p=" << options.p() << ", inplace=" << options.inplace() << ")"; \
  }

TENON_DROPOUT(Dropout, dropout, DropoutFuncOptions)
TENON_DROPOUT(Dropout1d, dropout1d, DropoutFuncOptions)
TENON_DROPOUT(Dropout2d, dropout2d, DropoutFuncOptions)
TENON_DROPOUT(Dropout3d, dropout3d, DropoutFuncOptions)
TENON_DROPOUT(AlphaDropout, alpha_dropout, AlphaDropoutFuncOptions)
TENON_DROPOUT(FeatureAlphaDropout, feature_alpha_dropout, AlphaDropoutFuncOptions)

}  // namespace tenon::nn
