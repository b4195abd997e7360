// Normalisations; see normalization.h.
#include "tenon/nn/normalization.h"

#include <ostream>

#include "nn/define.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/nn/init.h"
#include "tenon/ops/ops.h"

namespace tenon::nn {
namespace functional {

Tensor batch_norm(const Tensor& input, const Tensor& running_mean, const Tensor& running_var,
                  const BatchNormFuncOptions& options) {
  return tenon::batch_norm(input, given(running_mean), given(running_var), given(options.weight()),
                           given(options.bias()), options.training(), options.momentum(), options.eps());
}

Tensor instance_norm(const Tensor& input, const InstanceNormFuncOptions& options) {
  return tenon::instance_norm(input, given(options.running_mean()), given(options.running_var()),
                              given(options.weight()), given(options.bias()), options.use_input_stats(),
                              options.momentum(), options.eps());
}

Tensor layer_norm(const Tensor& input, const LayerNormFuncOptions& options) {
  return tenon::layer_norm(input, options.normalized_shape(), given(options.weight()), given(options.bias()),
                           options.eps());
}

Tensor rms_norm(const Tensor& input, const RMSNormFuncOptions& options) {
  return tenon::rms_norm(input, options.normalized_shape(), given(options.weight()), options.eps());
}

Tensor group_norm(const Tensor& input, const GroupNormFuncOptions& options) {
  return tenon::group_norm(input, options.num_groups(), given(options.weight()), given(options.bias()), options.eps());
}

Tensor local_response_norm(const Tensor& input, const LocalResponseNormFuncOptions& options) {
  return tenon::local_response_norm(input, options.size(), options.alpha(), options.beta(), options.k());
}

Tensor normalize(const Tensor& input, const NormalizeFuncOptions& options) {
  const Tensor result = tenon::normalize(input, options.p(), options.dim(), options.eps());
  if (!options.out()) return result;
  Tensor out = *options.out();
  return write_out(out, result, "normalize");
}

}  // namespace functional

namespace {

// `input` must have one of two numbers of dims.
void check_dims(const char* name, const Tensor& input, int64_t least, int64_t most) {
  const bool fits = input.dim() == least || input.dim() == most;
  TENON_CHECK_VALUE(fits, name, ": expected ", least, "D", least == most ? "" : concat(" or ", most, "D"),
                    " input (got ", input.dim(), "D input)");
}

void print_norm(std::ostream& out, const char* name, int64_t num_features, double eps, optional<double> momentum,
                bool affine, bool track_running_stats) {
  out << std::boolalpha << "torch::nn::" << name << "(" << num_features << ", eps=" << eps << ", momentum=";
  if (momentum) {
    out << *momentum;
  } else {
    out << "None";
  }
  out << ", affine=" << affine << ", track_running_stats=" << track_running_stats << ")";
}

void fill_parameters(const NormMembers& members) {
  if (members.weight.defined()) {
    init::ones_(members.weight);
    init::zeros_(members.bias);
  }
}

void fill_running_stats(const NormMembers& members) {
  if (!members.running_mean.defined()) return;
  init::zeros_(members.running_mean);
  init::ones_(members.running_var);
  init::zeros_(members.num_batches_tracked);
}

template <class Module, class Options>
void register_members(Module& module, const Options& options) {
  const bool affine = options.affine(), tracked = options.track_running_stats();
  const int64_t features = options.num_features();
  module.weight = module.register_parameter("weight", affine ? empty({features}) : Tensor());
  module.bias = module.register_parameter("bias", affine ? empty({features}) : Tensor());
  module.running_mean = module.register_buffer("running_mean", tracked ? zeros({features}) : Tensor());
  module.running_var = module.register_buffer("running_var", tracked ? ones({features}) : Tensor());
  module.num_batches_tracked = module.register_buffer("num_batches_tracked", tracked ? zeros({}, kLong) : Tensor());
  module.reset_parameters();
}

Tensor apply_batch_norm(const Tensor& input, const NormMembers& members, const BatchNormOptions& options,
                        bool training) {
  double momentum = options.momentum().value_or(0);
  if (training && members.num_batches_tracked.defined()) {
    NoGradGuard no_grad;
    members.num_batches_tracked.add_(1);
    if (!options.momentum()) momentum = 1 / static_cast<double>(members.num_batches_tracked.item<int64_t>());
  }
  const bool of_the_batch = training || !members.running_mean.defined();
  const bool kept = !training || options.track_running_stats();
  return tenon::batch_norm(input, kept ? given(members.running_mean) : nullopt,
                           kept ? given(members.running_var) : nullopt, given(members.weight), given(members.bias),
                           of_the_batch, momentum, options.eps());
}

Tensor apply_instance_norm(const Tensor& input, const NormMembers& members, const InstanceNormOptions& options,
                           bool training, bool batched) {
  const bool of_the_input = training || !options.track_running_stats();
  const Tensor result = tenon::instance_norm(batched ? input : input.unsqueeze(0), given(members.running_mean),
                                             given(members.running_var), given(members.weight), given(members.bias),
                                             of_the_input, options.momentum(), options.eps());
  return batched ? result : result.squeeze(0);
}

// The squares of the neighbouring channels are summed as PyTorch sums them, which never gives the first channel back.
Tensor across_maps(const Tensor& input, const CrossMapLRN2dOptions& options) {
  TENON_CHECK_VALUE(input.dim() == 4, "CrossMapLRN2d: Expected input to be 4D, got ", input.dim(), "D instead.");
  const int64_t reach = (options.size() - 1) / 2, channels = input.size(1);
  const Tensor squares = input.pow(2);
  const Tensor ending = tenon::pad(squares, {0, 0, 0, 0, reach, reach}).cumsum(1);
  const Tensor sums =
      ending.narrow(1, 2 * reach, channels) - tenon::pad(ending, {0, 0, 0, 0, 1, 0}).narrow(1, 0, channels);
  const Tensor kept = arange(channels, input.options().dtype(kLong)).gt(reach).to(input.dtype()).view({1, -1, 1, 1});
  const Tensor scale =
      (sums + kept * squares.narrow(1, 0, 1)) * (options.alpha() / static_cast<double>(options.size())) + options.k();
  return input * scale.pow(-options.beta());
}

}  // namespace

#define TENON_NORM(Name, least, most, result)                                                              \
  Name##Impl::Name##Impl(Options options) : options(std::move(options)) { reset(); }                       \
  void Name##Impl::reset() {                                                                               \
    if (options.num_features() != kLazy) register_members(*this, options);                                 \
  }                                                                                                        \
  void Name##Impl::materialize(const StateDict& state, const std::string& prefix) {                        \
    if (options.num_features() != kLazy) return;                                                           \
    const Tensor* loaded = state.find(prefix + "weight");                                                  \
    if (!loaded) loaded = state.find(prefix + "running_mean");                                             \
    if (!loaded) return;                                                                                   \
    options.num_features(loaded->size(0));                                                                 \
    reset();                                                                                               \
  }                                                                                                        \
  void Name##Impl::reset_parameters() {                                                                    \
    reset_running_stats();                                                                                 \
    fill_parameters(*this);                                                                                \
  }                                                                                                        \
  void Name##Impl::reset_running_stats() { fill_running_stats(*this); }                                    \
  void Name##Impl::pretty_print(std::ostream& stream) const {                                              \
    print_norm(stream, #Name, options.num_features(), options.eps(), options.momentum(), options.affine(), \
               options.track_running_stats());                                                             \
  }                                                                                                        \
  Tensor Name##Impl::forward(const Tensor& input) {                                                        \
    check_dims(#Name, input, least, most);                                                                 \
    if (options.num_features() == kLazy) {                                                                 \
      options.num_features(input.size(1));                                                                 \
      reset();                                                                                             \
    }                                                                                                      \
    return result;                                                                                         \
  }

TENON_NORM(BatchNorm1d, 2, 3, apply_batch_norm(input, *this, options, is_training()))
TENON_NORM(BatchNorm2d, 4, 4, apply_batch_norm(input, *this, options, is_training()))
TENON_NORM(BatchNorm3d, 5, 5, apply_batch_norm(input, *this, options, is_training()))
TENON_NORM(InstanceNorm1d, 2, 3, apply_instance_norm(input, *this, options, is_training(), input.dim() == 3))
TENON_NORM(InstanceNorm2d, 3, 4, apply_instance_norm(input, *this, options, is_training(), input.dim() == 4))
TENON_NORM(InstanceNorm3d, 4, 5, apply_instance_norm(input, *this, options, is_training(), input.dim() == 5))

LayerNormImpl::LayerNormImpl(Options options) : options(std::move(options)) { reset(); }

void LayerNormImpl::reset() {
  const bool affine = options.elementwise_affine();
  weight = register_parameter("weight", affine ? tenon::empty(options.normalized_shape()) : Tensor());
  bias = register_parameter("bias", affine ? tenon::empty(options.normalized_shape()) : Tensor());
  reset_parameters();
}

void LayerNormImpl::reset_parameters() {
  if (!weight.defined()) return;
  init::ones_(weight);
  init::zeros_(bias);
}

void LayerNormImpl::pretty_print(std::ostream& stream) const {
  stream << std::boolalpha << "torch::nn::LayerNorm(" << IntArrayRef(options.normalized_shape())
         << ", eps=" << options.eps() << ", elementwise_affine=" << options.elementwise_affine() << ")";
}

Tensor LayerNormImpl::forward(const Tensor& input) {
  return tenon::layer_norm(input, options.normalized_shape(), given(weight), given(bias), options.eps());
}

RMSNormImpl::RMSNormImpl(Options options) : options(std::move(options)) { reset(); }

void RMSNormImpl::reset() {
  weight =
      register_parameter("weight", options.elementwise_affine() ? tenon::empty(options.normalized_shape()) : Tensor());
  reset_parameters();
}

void RMSNormImpl::reset_parameters() {
  if (weight.defined()) init::ones_(weight);
}

void RMSNormImpl::pretty_print(std::ostream& stream) const {
  stream << std::boolalpha << "torch::nn::RMSNorm(" << IntArrayRef(options.normalized_shape()) << ", eps=";
  if (options.eps()) {
    stream << *options.eps();
  } else {
    stream << "None";
  }
  stream << ", elementwise_affine=" << options.elementwise_affine() << ")";
}

Tensor RMSNormImpl::forward(const Tensor& input) {
  return tenon::rms_norm(input, options.normalized_shape(), given(weight), options.eps());
}

GroupNormImpl::GroupNormImpl(Options options) : options(std::move(options)) { reset(); }

void GroupNormImpl::reset() {
  TENON_CHECK_VALUE(options.num_groups() > 0 && options.num_channels() % options.num_groups() == 0, "num_channels (",
                    options.num_channels(), ") must be divisible by num_groups (", options.num_groups(), ")");
  const bool affine = options.affine();
  weight = register_parameter("weight", affine ? empty({options.num_channels()}) : Tensor());
  bias = register_parameter("bias", affine ? empty({options.num_channels()}) : Tensor());
  reset_parameters();
}

void GroupNormImpl::reset_parameters() {
  if (!weight.defined()) return;
  init::ones_(weight);
  init::zeros_(bias);
}

void GroupNormImpl::pretty_print(std::ostream& stream) const {
  stream << std::boolalpha << "torch::nn::GroupNorm(" << options.num_groups() << ", " << options.num_channels()
         << ", eps=" << options.eps() << ", affine=" << options.affine() << ")";
}

Tensor GroupNormImpl::forward(const Tensor& input) {
  return tenon::group_norm(input, options.num_groups(), given(weight), given(bias), options.eps());
}

TENON_LAYER(LocalResponseNorm, functional::local_response_norm(input, options),
            options.size() << ", alpha=" << options.alpha() << ", beta=" << options.beta() << ", k=" << options.k()
                           << ")")
TENON_LAYER(CrossMapLRN2d, across_maps(input, options),
            options.size() << ", alpha=" << options.alpha() << ", beta=" << options.beta() << ", k=" << options.k()
                           << ")")

}  // namespace tenon::nn
