// Convolutions; see conv.h.
#include "tenon/nn/conv.h"

#include <cmath>
#include <ostream>

#include "nn/define.h"
#include "tenon/nn/init.h"
#include "tenon/ops/ops.h"

namespace tenon::nn {
namespace {

using Sizes = std::vector<int64_t>;

// One number alone, several as a list.
struct Shown {
  IntArrayRef sizes;
  friend std::ostream& operator<<(std::ostream& out, Shown shown) {
    return shown.sizes.size() == 1 ? out << shown.sizes[0] : out << shown.sizes;
  }
};

bool all_are(IntArrayRef sizes, int64_t value) {
  return std::all_of(sizes.begin(), sizes.end(), [&](int64_t size) { return size == value; });
}

template <class Options>
void check_options(const Options& options) {
  TENON_CHECK_VALUE(options.groups() > 0, "groups must be a positive integer");
  TENON_CHECK_VALUE(options.in_channels() % options.groups() == 0, "in_channels must be divisible by groups");
  TENON_CHECK_VALUE(options.out_channels() % options.groups() == 0, "out_channels must be divisible by groups");
}

Tensor make_weight(int64_t first, int64_t second, IntArrayRef kernel_size) {
  Sizes sizes = {first, second};
  sizes.insert(sizes.end(), kernel_size.begin(), kernel_size.end());
  return tenon::empty(sizes);
}

void draw(const Tensor& weight, const Tensor& bias) {
  init::kaiming_uniform_(weight, std::sqrt(5.0));
  if (!bias.defined()) return;
  const int64_t fan_in = init::_calculate_fan_in_and_fan_out(weight).first;
  if (fan_in == 0) return;
  const double bound = 1 / std::sqrt(static_cast<double>(fan_in));
  init::uniform_(bias, -bound, bound);
}

// Two numbers per dim, from the last to the first, as pad() takes them.
Sizes around(const std::string_view* same, IntArrayRef padding, IntArrayRef kernel_size, IntArrayRef dilation) {
  Sizes pads;
  for (size_t d = kernel_size.size(); d-- > 0;) {
    const int64_t total = same ? (*same == kSame ? dilation[d] * (kernel_size[d] - 1) : 0) : 2 * padding[d];
    pads.push_back(total / 2);
    pads.push_back(total - total / 2);
  }
  return pads;
}

void print_start(std::ostream& out, const char* name, int64_t in_channels, int64_t out_channels,
                 IntArrayRef kernel_size, IntArrayRef stride) {
  out << std::boolalpha << "torch::nn::" << name << "(" << in_channels << ", " << out_channels
      << ", kernel_size=" << Shown{kernel_size} << ", stride=" << Shown{stride};
}

void print_end(std::ostream& out, IntArrayRef dilation, IntArrayRef output_padding, int64_t groups, bool bias,
               std::string_view padding_mode) {
  if (!all_are(dilation, 1)) out << ", dilation=" << Shown{dilation};
  if (!all_are(output_padding, 0)) out << ", output_padding=" << Shown{output_padding};
  if (groups != 1) out << ", groups=" << groups;
  if (!bias) out << ", bias=" << bias;
  if (padding_mode != kZeros) out << ", padding_mode=" << constant_name(padding_mode);
  out << ")";
}

// What must be added to a transposed convolution's result for it to have the size that the caller wants.
Sizes fitting_output_padding(const Tensor& input, const optional<IntArrayRef>& output_size, IntArrayRef stride,
                             IntArrayRef padding, IntArrayRef kernel_size, IntArrayRef dilation,
                             IntArrayRef output_padding) {
  if (!output_size) return output_padding.vec();
  const size_t dims = stride.size();
  const bool batched = static_cast<size_t>(input.dim()) == dims + 2;
  const size_t leading = batched ? 2 : 1;
  IntArrayRef wanted = *output_size;
  if (wanted.size() == leading + dims) wanted = wanted.slice(leading);
  TENON_CHECK_VALUE(wanted.size() == dims, "ConvTranspose", dims, "D: for ", dims + leading,
                    "D input, output_size must have ", dims, " or ", leading + dims, " elements (got ", wanted.size(),
                    ")");
  Sizes result;
  for (size_t d = 0; d < dims; ++d) {
    const int64_t least = (input.size(static_cast<int64_t>(d + leading)) - 1) * stride[d] - 2 * padding[d] +
                          dilation[d] * (kernel_size[d] - 1) + 1;
    TENON_CHECK_VALUE(wanted[d] >= least && wanted[d] <= least + stride[d] - 1, "requested an output size of ", wanted,
                      ", but valid sizes of dim ", d, " range from ", least, " to ", least + stride[d] - 1,
                      " (for an input of ", input.sizes(), ")");
    result.push_back(wanted[d] - least);
  }
  return result;
}

// What a lazy convolution does with its first input.
int64_t channels_of(const Tensor& input, int64_t dims) {
  TENON_CHECK(input.dim() == dims + 1 || input.dim() == dims + 2, "Expected ", dims + 1, "D (unbatched) or ", dims + 2,
              "D (batched) input to LazyConv", dims, "d, but got input of size: ", input.sizes());
  return input.size(-dims - 1);
}

template <class Module>
void begin(Module& module, int64_t in_channels) {
  module.options.in_channels(in_channels);
  module.reset();
}

}  // namespace

#define TENON_CONV(D)                                                                                                \
  Tensor functional::conv##D##d(const Tensor& input, const Tensor& weight, const ConvFuncOptions<D>& options) {      \
    const auto& padding = options.padding();                                                                         \
    if (const auto* word = std::get_if<std::string_view>(&padding)) {                                                \
      return tenon::conv##D##d(input, weight, given(options.bias()), options.stride(), *word, options.dilation(),    \
                               options.groups());                                                                    \
    }                                                                                                                \
    return tenon::conv##D##d(input, weight, given(options.bias()), options.stride(), std::get<0>(padding),           \
                             options.dilation(), options.groups());                                                  \
  }                                                                                                                  \
  Tensor functional::conv_transpose##D##d(const Tensor& input, const Tensor& weight,                                 \
                                          const ConvTransposeFuncOptions<D>& options) {                              \
    return tenon::conv_transpose##D##d(input, weight, given(options.bias()), options.stride(), options.padding(),    \
                                       options.output_padding(), options.groups(), options.dilation());              \
  }                                                                                                                  \
                                                                                                                     \
  Conv##D##dImpl::Conv##D##dImpl(Options options) : options(std::move(options)) { reset(); }                         \
  void Conv##D##dImpl::reset() {                                                                                     \
    if (options.in_channels() == kLazy) return;                                                                      \
    check_options(options);                                                                                          \
    weight = register_parameter(                                                                                     \
        "weight",                                                                                                    \
        make_weight(options.out_channels(), options.in_channels() / options.groups(), options.kernel_size()));       \
    bias = register_parameter("bias", options.bias() ? empty({options.out_channels()}) : Tensor());                  \
    reset_parameters();                                                                                              \
  }                                                                                                                  \
  void Conv##D##dImpl::reset_parameters() { draw(weight, bias); }                                                    \
  void Conv##D##dImpl::materialize(const StateDict& state, const std::string& prefix) {                              \
    if (options.in_channels() != kLazy) return;                                                                      \
    if (const Tensor* loaded = state.find(prefix + "weight")) begin(*this, loaded->size(1) * options.groups());      \
  }                                                                                                                  \
  void Conv##D##dImpl::pretty_print(std::ostream& out) const {                                                       \
    print_start(out, "Conv" #D "d", options.in_channels(), options.out_channels(), options.kernel_size(),            \
                options.stride());                                                                                   \
    if (const auto* word = std::get_if<std::string_view>(&options.padding())) {                                      \
      out << ", padding='" << *word << "'";                                                                          \
    } else if (!all_are(std::get<0>(options.padding()), 0)) {                                                        \
      out << ", padding=" << Shown{std::get<0>(options.padding())};                                                  \
    }                                                                                                                \
    print_end(out, options.dilation(), {}, options.groups(), options.bias(), options.padding_mode());                \
  }                                                                                                                  \
  Tensor Conv##D##dImpl::forward(const Tensor& input) {                                                              \
    if (options.in_channels() == kLazy) begin(*this, channels_of(input, D));                                         \
    functional::ConvFuncOptions<D> call;                                                                             \
    call.bias(bias).stride(options.stride()).dilation(options.dilation()).groups(options.groups());                  \
    if (options.padding_mode() == kZeros) {                                                                          \
      return functional::conv##D##d(input, weight, call.padding(options.padding()));                                 \
    }                                                                                                                \
    const auto* word = std::get_if<std::string_view>(&options.padding());                                            \
    const Sizes pads = around(word, word ? IntArrayRef() : IntArrayRef(std::get<0>(options.padding())),              \
                              options.kernel_size(), options.dilation());                                            \
    return functional::conv##D##d(tenon::pad(input, pads, options.padding_mode()), weight, call);                    \
  }                                                                                                                  \
                                                                                                                     \
  ConvTranspose##D##dImpl::ConvTranspose##D##dImpl(Options options) : options(std::move(options)) { reset(); }       \
  void ConvTranspose##D##dImpl::reset() {                                                                            \
    if (options.in_channels() == kLazy) return;                                                                      \
    check_options(options);                                                                                          \
    TENON_CHECK_VALUE(options.padding_mode() == kZeros,                                                              \
                      "Only \"zeros\" padding mode is supported for ConvTranspose" #D "d");                          \
    weight = register_parameter(                                                                                     \
        "weight",                                                                                                    \
        make_weight(options.in_channels(), options.out_channels() / options.groups(), options.kernel_size()));       \
    bias = register_parameter("bias", options.bias() ? empty({options.out_channels()}) : Tensor());                  \
    reset_parameters();                                                                                              \
  }                                                                                                                  \
  void ConvTranspose##D##dImpl::reset_parameters() { draw(weight, bias); }                                           \
  void ConvTranspose##D##dImpl::materialize(const StateDict& state, const std::string& prefix) {                     \
    if (options.in_channels() != kLazy) return;                                                                      \
    if (const Tensor* loaded = state.find(prefix + "weight")) begin(*this, loaded->size(0));                         \
  }                                                                                                                  \
  void ConvTranspose##D##dImpl::pretty_print(std::ostream& out) const {                                              \
    print_start(out, "ConvTranspose" #D "d", options.in_channels(), options.out_channels(), options.kernel_size(),   \
                options.stride());                                                                                   \
    if (!all_are(options.padding(), 0)) out << ", padding=" << Shown{options.padding()};                             \
    print_end(out, options.dilation(), options.output_padding(), options.groups(), options.bias(), kZeros);          \
  }                                                                                                                  \
  Tensor ConvTranspose##D##dImpl::forward(const Tensor& input, const optional<IntArrayRef>& output_size) {           \
    if (options.in_channels() == kLazy) begin(*this, channels_of(input, D));                                         \
    const Sizes extra = fitting_output_padding(input, output_size, options.stride(), options.padding(),              \
                                               options.kernel_size(), options.dilation(), options.output_padding()); \
    return tenon::conv_transpose##D##d(input, weight, given(bias), options.stride(), options.padding(), extra,       \
                                       options.groups(), options.dilation());                                        \
  }

TENON_CONV(1)
TENON_CONV(2)
TENON_CONV(3)

}  // namespace tenon::nn
