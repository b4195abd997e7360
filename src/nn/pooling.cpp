// Pooling; see pooling.h.
#include "tenon/nn/pooling.h"

#include <ostream>

#include "nn/define.h"
#include "tenon/ops/ops.h"

namespace tenon::nn {
namespace {

// The sizes of a grid, with the input's own where they are open.
template <size_t D>
std::array<int64_t, D> grid(const Tensor& input, const ExpandingArrayWithOptionalElem<D>& sizes) {
  TENON_CHECK_VALUE(input.dim() > static_cast<int64_t>(D), "adaptive pooling: input must have at least ", D + 1,
                    " dims, got ", input.dim());
  std::array<int64_t, D> result;
  for (size_t d = 0; d < D; ++d) {
    result[d] = (*sizes)[d].value_or(input.size(static_cast<int64_t>(d) - static_cast<int64_t>(D)));
  }
  return result;
}
IntArrayRef grid(const Tensor&, const ExpandingArray<1>& sizes) { return sizes; }

template <size_t D, class Pool>
TwoTensors fractional(const Tensor& input, const FractionalMaxPoolOptions<D>& options, Pool pool) {
  TENON_CHECK_VALUE(options.output_size() || options.output_ratio(), "fractional_max_pool", D,
                    "d: give an output_size or an output_ratio");
  TENON_CHECK(input.dim() >= static_cast<int64_t>(D) + 1, "fractional_max_pool", D, "d: input must have at least ",
              D + 1, " dims, got ", input.dim());
  std::array<int64_t, D> size;
  for (size_t d = 0; d < D; ++d) {
    const int64_t own = input.size(static_cast<int64_t>(d) - static_cast<int64_t>(D));
    size[d] = options.output_size() ? (**options.output_size())[d]
                                    : static_cast<int64_t>(static_cast<double>(own) * (**options.output_ratio())[d]);
  }
  Tensor samples = options._random_samples();
  if (!samples.defined()) {
    const int64_t batch = input.dim() == static_cast<int64_t>(D) + 1 ? 1 : input.size(0);
    samples = rand({batch, input.size(-1 - static_cast<int64_t>(D)), static_cast<int64_t>(D)}, input.options());
  }
  return pool(input, options.kernel_size(), size, samples);
}

}  // namespace

#define TENON_POOL(D)                                                                                                \
  Tensor functional::avg_pool##D##d(const Tensor& input, const AvgPool##D##dFuncOptions& options) {                  \
    return tenon::avg_pool##D##d(input, options.kernel_size(), options.stride(), options.padding(),                  \
                                 options.ceil_mode(), options.count_include_pad() TENON_DIVISOR_##D);                \
  }                                                                                                                  \
  Tensor functional::max_pool##D##d(const Tensor& input, const MaxPool##D##dFuncOptions& options) {                  \
    return tenon::max_pool##D##d(input, options.kernel_size(), options.stride(), options.padding(),                  \
                                 options.dilation(), options.ceil_mode());                                           \
  }                                                                                                                  \
  TwoTensors functional::max_pool##D##d_with_indices(const Tensor& input, const MaxPool##D##dFuncOptions& options) { \
    return tenon::max_pool##D##d_with_indices(input, options.kernel_size(), options.stride(), options.padding(),     \
                                              options.dilation(), options.ceil_mode());                              \
  }                                                                                                                  \
  Tensor functional::adaptive_max_pool##D##d(const Tensor& input, const AdaptiveMaxPool##D##dFuncOptions& options) { \
    return tenon::adaptive_max_pool##D##d(input, grid(input, options.output_size()));                                \
  }                                                                                                                  \
  TwoTensors functional::adaptive_max_pool##D##d_with_indices(const Tensor& input,                                   \
                                                              const AdaptiveMaxPool##D##dFuncOptions& options) {     \
    return tenon::adaptive_max_pool##D##d_with_indices(input, grid(input, options.output_size()));                   \
  }                                                                                                                  \
  Tensor functional::adaptive_avg_pool##D##d(const Tensor& input, const AdaptiveAvgPool##D##dFuncOptions& options) { \
    return tenon::adaptive_avg_pool##D##d(input, grid(input, options.output_size()));                                \
  }                                                                                                                  \
  Tensor functional::max_unpool##D##d(const Tensor& input, const Tensor& indices,                                    \
                                      const MaxUnpool##D##dFuncOptions& options) {                                   \
    return tenon::max_unpool##D##d(input, indices, options.kernel_size(), options.stride(), options.padding(),       \
                                   options.output_size().value_or(std::vector<int64_t>()));                          \
  }                                                                                                                  \
  Tensor functional::lp_pool##D##d(const Tensor& input, const LPPool##D##dFuncOptions& options) {                    \
    return tenon::lp_pool##D##d(input, options.norm_type(), options.kernel_size(), options.stride(),                 \
                                options.ceil_mode());                                                                \
  }                                                                                                                  \
  TENON_LAYER(AvgPool##D##d, functional::avg_pool##D##d(input, options),                                             \
              "kernel_size=" << options.kernel_size() << ", stride=" << options.stride()                             \
                             << ", padding=" << options.padding() << ")")                                            \
  TENON_LAYER(MaxPool##D##d, functional::max_pool##D##d(input, options),                                             \
              std::boolalpha << "kernel_size=" << options.kernel_size() << ", stride=" << options.stride()           \
                             << ", padding=" << options.padding() << ", dilation=" << options.dilation()             \
                             << ", ceil_mode=" << options.ceil_mode() << ")")                                        \
  TwoTensors MaxPool##D##dImpl::forward_with_indices(const Tensor& input) {                                          \
    return functional::max_pool##D##d_with_indices(input, options);                                                  \
  }                                                                                                                  \
  TENON_LAYER(AdaptiveMaxPool##D##d, functional::adaptive_max_pool##D##d(input, options),                            \
              "output_size=" << options.output_size() << ")")                                                        \
  TwoTensors AdaptiveMaxPool##D##dImpl::forward_with_indices(const Tensor& input) {                                  \
    return functional::adaptive_max_pool##D##d_with_indices(input, options);                                         \
  }                                                                                                                  \
  TENON_LAYER(AdaptiveAvgPool##D##d, functional::adaptive_avg_pool##D##d(input, options),                            \
              "output_size=" << options.output_size() << ")")                                                        \
  TENON_LAYER(LPPool##D##d, functional::lp_pool##D##d(input, options),                                               \
              std::boolalpha << "norm_type=" << options.norm_type() << ", kernel_size=" << options.kernel_size()     \
                             << ", stride=" << options.stride() << ", ceil_mode=" << options.ceil_mode() << ")")     \
  MaxUnpool##D##dImpl::MaxUnpool##D##dImpl(Options options) : options(std::move(options)) {}                         \
  void MaxUnpool##D##dImpl::pretty_print(std::ostream& stream) const {                                               \
    stream << "torch::nn::MaxUnpool" #D "d(kernel_size=" << options.kernel_size() << ", stride=" << options.stride() \
           << ", padding=" << options.padding() << ")";                                                              \
  }                                                                                                                  \
  Tensor MaxUnpool##D##dImpl::forward(const Tensor& input, const Tensor& indices,                                    \
                                      const optional<std::vector<int64_t>>& output_size) {                           \
    return tenon::max_unpool##D##d(input, indices, options.kernel_size(), options.stride(), options.padding(),       \
                                   output_size.value_or(std::vector<int64_t>()));                                    \
  }

// In one dim there is no other divisor to give.
#define TENON_DIVISOR_1
#define TENON_DIVISOR_2 , options.divisor_override()
#define TENON_DIVISOR_3 , options.divisor_override()
TENON_POOL(1)
TENON_POOL(2)
TENON_POOL(3)

#define TENON_FRACTIONAL(D)                                                                                          \
  TwoTensors functional::fractional_max_pool##D##d_with_indices(const Tensor& input,                                 \
                                                                const FractionalMaxPool##D##dFuncOptions& options) { \
    return fractional(input, options, tenon::fractional_max_pool##D##d_with_indices);                                \
  }                                                                                                                  \
  Tensor functional::fractional_max_pool##D##d(const Tensor& input,                                                  \
                                               const FractionalMaxPool##D##dFuncOptions& options) {                  \
    return std::get<0>(fractional_max_pool##D##d_with_indices(input, options));                                      \
  }                                                                                                                  \
  FractionalMaxPool##D##dImpl::FractionalMaxPool##D##dImpl(Options options) : options(std::move(options)) {          \
    TENON_CHECK_VALUE(this->options.output_size().has_value() != this->options.output_ratio().has_value(),           \
                      "FractionalMaxPool" #D "d requires specifying one of output_size and output_ratio");           \
  }                                                                                                                  \
  void FractionalMaxPool##D##dImpl::pretty_print(std::ostream& stream) const {                                       \
    stream << "torch::nn::FractionalMaxPool" #D "d()";                                                               \
  }                                                                                                                  \
  Tensor FractionalMaxPool##D##dImpl::forward(const Tensor& input) {                                                 \
    return functional::fractional_max_pool##D##d(input, options);                                                    \
  }                                                                                                                  \
  TwoTensors FractionalMaxPool##D##dImpl::forward_with_indices(const Tensor& input) {                                \
    return functional::fractional_max_pool##D##d_with_indices(input, options);                                       \
  }

TENON_FRACTIONAL(2)
TENON_FRACTIONAL(3)

}  // namespace tenon::nn
