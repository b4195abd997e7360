// The layers that a text may list, and how each changes the shape of a row; see layers.h.
#include "c/layers.h"

#include <algorithm>
#include <string>
#include <vector>

#include "c/layer_text.h"
#include "tenon/base/shape.h"
#include "tenon/nn/nn.h"

namespace tenon::c {
namespace {

// Numbers of a row, anywhere in a network.
constexpr int64_t kGreatestRow = std::numeric_limits<int32_t>::max();

// What is known of a network while its layers are added.
struct Draft {
  std::vector<int64_t> shape;  // of a row after the layers so far; empty until a layer tells
  int64_t input_size = 0;
  int64_t elements_left;

  // The rows that the next layer takes, if no layer before it told: of such a shape.
  void begin(std::vector<int64_t> sizes) {
    if (!shape.empty()) return;
    shape = std::move(sizes);
    input_size = numel();
  }
  int64_t numel() const {
    const int64_t count = checked_numel(shape, "a row");
    TENON_CHECK_VALUE(count <= kGreatestRow, "makes rows of ", count, " numbers; ", kGreatestRow, " are allowed");
    return count;
  }
  void require_dims(size_t least, size_t most) const {
    TENON_CHECK_VALUE(!shape.empty(),
                      "cannot be first, since it does not tell how many numbers a row has; begin with "
                      "Linear, BatchNorm1d, LayerNorm or, before images, Unflatten(1, (channels, height, width))");
    TENON_CHECK_VALUE(shape.size() >= least && shape.size() <= most, "takes rows of ", least, " to ", most,
                      " dims, but a row has shape ", IntArrayRef(shape));
  }
  void require_size(size_t dim, int64_t size) const {
    TENON_CHECK_VALUE(shape[dim] == size, "takes ", size, " in dim ", dim + 1, ", but a row has shape ",
                      IntArrayRef(shape));
  }
  // Makes room for a tensor before it is allocated.
  void hold(const std::vector<int64_t>& sizes) {
    const int64_t count = checked_numel(sizes, "a parameter");
    TENON_CHECK_VALUE(count <= elements_left, "has more parameters than the file");
    elements_left -= count;
  }
};

using nn::AnyModule;
using Sizes = std::vector<int64_t>;
constexpr size_t kAnyDims = 64;

// The places of a window along a dim.
int64_t count_windows(int64_t size, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation, bool ceil) {
  const int64_t reach = checked_add(checked_mul(dilation, kernel - 1, "a window"), 1, "a window");
  const int64_t room = size + 2 * padding - reach;
  TENON_CHECK_VALUE(room >= 0, "has windows of ", reach, ", but a row has only ", size, " and paddings of ", padding);
  int64_t count = room / stride + 1;
  // One more that begins before the end, and not in the padding after it.
  if (ceil && room % stride != 0 && count * stride < size + padding) ++count;
  return count;
}

void slide(Draft& draft, const Sizes& kernel, const Sizes& stride, const Sizes& padding, const Sizes& dilation,
           bool ceil = false) {
  draft.require_dims(3, 3);
  for (size_t d = 0; d < 2; ++d) {
    draft.shape[d + 1] = count_windows(draft.shape[d + 1], kernel[d], stride[d], padding[d], dilation[d], ceil);
  }
}

AnyModule linear(const Arguments& arguments, Draft& draft) {
  const int64_t in = arguments.size("in_features"), out = arguments.size("out_features");
  draft.begin({in});
  draft.require_size(draft.shape.size() - 1, in);
  draft.hold({out, in});
  draft.shape.back() = out;
  return AnyModule(nn::Linear(nn::LinearOptions(in, out).bias(arguments.flag("bias"))));
}

AnyModule conv2d(const Arguments& arguments, Draft& draft) {
  const int64_t in = arguments.size("in_channels"), out = arguments.size("out_channels");
  const int64_t groups = arguments.size("groups");
  const Sizes kernel = arguments.pair("kernel_size"), stride = arguments.pair("stride");
  const Sizes dilation = arguments.pair("dilation");
  nn::Conv2dOptions options(in, out, kernel);
  options.stride(stride).dilation(dilation).groups(groups).bias(arguments.flag("bias"));
  options.padding_mode(arguments.word("padding_mode", {kZeros, kReflect, kReplicate, kCircular}));
  draft.require_dims(3, 3);
  draft.require_size(0, in);
  bool same = false;
  Sizes padding = {0, 0};
  if (arguments.is_word("padding")) {
    const std::string_view word = arguments.word("padding", {kSame, kValid});
    same = word == kSame;
    options.padding(word);
  } else {
    padding = arguments.pair("padding", 0);
    options.padding(ExpandingArray<2>(padding));
  }
  draft.hold({out, (in + groups - 1) / groups, kernel[0], kernel[1]});
  if (!same) slide(draft, kernel, stride, padding, dilation);
  draft.shape[0] = out;
  return AnyModule(nn::Conv2d(options));
}

// The windows that pooling without a stride of its own takes lie side by side.
template <class Options>
Options pool_options(const Arguments& arguments, Draft& draft, const Sizes& dilation) {
  const Sizes kernel = arguments.pair("kernel_size"), padding = arguments.pair("padding", 0);
  const Sizes stride = arguments.is_none("stride") ? kernel : arguments.pair("stride");
  const bool ceil = arguments.flag("ceil_mode");
  for (size_t d = 0; d < 2; ++d) {
    TENON_CHECK_VALUE(2 * padding[d] <= kernel[d], "has paddings of ", padding[d], ", more than half its kernel of ",
                      kernel[d]);
  }
  slide(draft, kernel, stride, padding, dilation, ceil);
  return Options(kernel).stride(stride).padding(padding).ceil_mode(ceil);
}

AnyModule max_pool2d(const Arguments& arguments, Draft& draft) {
  const Sizes dilation = arguments.pair("dilation");
  return AnyModule(nn::MaxPool2d(pool_options<nn::MaxPool2dOptions>(arguments, draft, dilation).dilation(dilation)));
}

AnyModule avg_pool2d(const Arguments& arguments, Draft& draft) {
  return AnyModule(nn::AvgPool2d(pool_options<nn::AvgPool2dOptions>(arguments, draft, {1, 1})
                                     .count_include_pad(arguments.flag("count_include_pad"))));
}

AnyModule adaptive_avg_pool2d(const Arguments& arguments, Draft& draft) {
  const Sizes sizes = arguments.pair("output_size");
  draft.require_dims(3, 3);
  std::copy(sizes.begin(), sizes.end(), draft.shape.begin() + 1);
  return AnyModule(nn::AdaptiveAvgPool2d(nn::AdaptiveAvgPool2dOptions(sizes)));
}

// A dim as PyTorch counts it, where 0 is that of the rows, as a dim of a row.
int64_t row_dim(const Arguments& arguments, const char* name, const Draft& draft) {
  const int64_t dim = wrap_dim(arguments.integer(name), static_cast<int64_t>(draft.shape.size()) + 1, name);
  TENON_CHECK_VALUE(dim > 0, name, " must not be 0, that of the rows");
  return dim - 1;
}

AnyModule flatten(const Arguments& arguments, Draft& draft) {
  draft.require_dims(1, kAnyDims);
  const int64_t start = row_dim(arguments, "start_dim", draft), end = row_dim(arguments, "end_dim", draft);
  TENON_CHECK_VALUE(start <= end, "has its start_dim after its end_dim");
  const auto first = draft.shape.begin() + start, last = draft.shape.begin() + end + 1;
  *first = checked_numel(Sizes(first, last), "a row");
  draft.shape.erase(first + 1, last);
  return AnyModule(nn::Flatten(nn::FlattenOptions().start_dim(start + 1).end_dim(end + 1)));
}

AnyModule unflatten(const Arguments& arguments, Draft& draft) {
  const Sizes sizes = arguments.sizes("unflattened_size");
  TENON_CHECK_VALUE(sizes.size() < kAnyDims, "makes too many dims");
  const int64_t count = checked_numel(sizes, "unflattened_size");
  draft.begin({count});
  const int64_t dim = row_dim(arguments, "dim", draft);
  draft.require_size(static_cast<size_t>(dim), count);
  draft.shape.erase(draft.shape.begin() + dim);
  draft.shape.insert(draft.shape.begin() + dim, sizes.begin(), sizes.end());
  return AnyModule(nn::Unflatten(nn::UnflattenOptions(dim + 1, sizes)));
}

template <class Module, size_t kLeastDims, size_t kMostDims>
AnyModule batch_norm(const Arguments& arguments, Draft& draft) {
  const int64_t features = arguments.size("num_features");
  const bool affine = arguments.flag("affine");
  TENON_CHECK_VALUE(arguments.flag("bias") || !affine, "must have a bias");
  if (kLeastDims == 1) draft.begin({features});
  draft.require_dims(kLeastDims, kMostDims);
  draft.require_size(0, features);
  const bool tracks = arguments.flag("track_running_stats");
  if (affine || tracks) draft.hold({features});
  const optional<double> momentum =
      arguments.is_none("momentum") ? nullopt : optional<double>(arguments.number("momentum"));
  return AnyModule(Module(nn::BatchNormOptions(features)
                              .eps(arguments.number("eps"))
                              .momentum(momentum)
                              .affine(affine)
                              .track_running_stats(tracks)));
}

AnyModule layer_norm(const Arguments& arguments, Draft& draft) {
  const Sizes sizes = arguments.sizes("normalized_shape");
  const bool affine = arguments.flag("elementwise_affine");
  TENON_CHECK_VALUE(arguments.flag("bias") || !affine, "must have a bias");
  if (sizes.size() == 1) draft.begin(sizes);
  draft.require_dims(sizes.size(), kAnyDims);
  for (size_t d = 0; d < sizes.size(); ++d) draft.require_size(draft.shape.size() - sizes.size() + d, sizes[d]);
  if (affine) draft.hold(sizes);
  return AnyModule(nn::LayerNorm(nn::LayerNormOptions(sizes).eps(arguments.number("eps")).elementwise_affine(affine)));
}

AnyModule prelu(const Arguments& arguments, Draft& draft) {
  const int64_t count = arguments.size("num_parameters");
  draft.require_dims(1, kAnyDims);
  if (count != 1) draft.require_size(0, count);
  draft.hold({count});
  return AnyModule(nn::PReLU(nn::PReLUOptions().num_parameters(count).init(arguments.number("init"))));
}

template <class Module, class Options>
AnyModule softmax(const Arguments& arguments, Draft& draft) {
  draft.require_dims(1, kAnyDims);
  return AnyModule(Module(Options(row_dim(arguments, "dim", draft) + 1)));
}

struct Kind {
  const char* name;
  const char* signature;
  AnyModule (*make)(const Arguments& arguments, Draft& draft);
};

// `arguments` of a layer that leaves shapes as they are, to its module.
#define TENON_PLAIN(Name, signature, ...)                                                                          \
  {                                                                                                                \
#Name, signature, []([[maybe_unused]] const Arguments& a, Draft&) { return AnyModule(nn::Name(__VA_ARGS__)); } \
  }
#define TENON_BATCH_NORM "num_features, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True, *, bias=True"

// Signatures are PyTorch's. What a layer computes in place is not seen from outside: `inplace` is read and has no
// effect.
constexpr Kind kKinds[] = {
    {"Linear", "in_features, out_features, bias=True", linear},
    {"Conv2d",
     "in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True, "
     "padding_mode=zeros",
     conv2d},
    {"MaxPool2d", "kernel_size, stride=None, padding=0, dilation=1, *, ceil_mode=False", max_pool2d},
    {"AvgPool2d", "kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True", avg_pool2d},
    {"AdaptiveAvgPool2d", "output_size", adaptive_avg_pool2d},
    {"Flatten", "start_dim=1, end_dim=-1", flatten},
    {"Unflatten", "dim, unflattened_size", unflatten},
    {"BatchNorm1d", TENON_BATCH_NORM, batch_norm<nn::BatchNorm1d, 1, 2>},
    {"BatchNorm2d", TENON_BATCH_NORM, batch_norm<nn::BatchNorm2d, 3, 3>},
    {"LayerNorm", "normalized_shape, eps=1e-5, elementwise_affine=True, bias=True", layer_norm},
    {"PReLU", "num_parameters=1, init=0.25", prelu},
    {"Softmax", "dim", softmax<nn::Softmax, nn::SoftmaxOptions>},
    {"LogSoftmax", "dim", softmax<nn::LogSoftmax, nn::LogSoftmaxOptions>},
    TENON_PLAIN(Dropout, "p=0.5, inplace=False", a.number("p")),
    TENON_PLAIN(ReLU, "inplace=False"),
    TENON_PLAIN(ReLU6, "inplace=False"),
    TENON_PLAIN(SELU, "inplace=False"),
    TENON_PLAIN(ELU, "alpha=1, inplace=False", nn::ELUOptions().alpha(a.number("alpha"))),
    TENON_PLAIN(CELU, "alpha=1, inplace=False", nn::CELUOptions().alpha(a.number("alpha"))),
    TENON_PLAIN(LeakyReLU, "negative_slope=0.01, inplace=False",
                nn::LeakyReLUOptions().negative_slope(a.number("negative_slope"))),
    TENON_PLAIN(Hardtanh, "min_val=-1, max_val=1, inplace=False",
                nn::HardtanhOptions().min_val(a.number("min_val")).max_val(a.number("max_val"))),
    TENON_PLAIN(Softplus, "beta=1, threshold=20",
                nn::SoftplusOptions().beta(a.number("beta")).threshold(a.number("threshold"))),
    TENON_PLAIN(GELU, "approximate=none",
                nn::GELUOptions().approximate(std::string(a.word("approximate", {"none", "tanh"})))),
    TENON_PLAIN(Identity, ""),
    TENON_PLAIN(Sigmoid, ""),
    TENON_PLAIN(Tanh, ""),
    TENON_PLAIN(SiLU, "inplace=False"),
    TENON_PLAIN(Mish, "inplace=False"),
    TENON_PLAIN(Hardsigmoid, "inplace=False"),
    TENON_PLAIN(Hardswish, "inplace=False"),
    TENON_PLAIN(LogSigmoid, ""),
    TENON_PLAIN(Softsign, ""),
    TENON_PLAIN(Tanhshrink, ""),
};
#undef TENON_PLAIN
#undef TENON_BATCH_NORM

const Kind& kind_of(const std::string& name) {
  const auto found = std::find_if(std::begin(kKinds), std::end(kKinds), [&](const Kind& k) { return k.name == name; });
  if (found != std::end(kKinds)) return *found;
  std::string list;
  for (const Kind& kind : kKinds) list += concat(list.empty() ? "" : ", ", kind.name);
  detail::fail<ValueError>("no layer has this name; there are ", list);
}

}  // namespace

Network build_network(std::string_view text, int64_t most_elements) {
  Network network;
  Draft draft{{}, 0, most_elements};
  for (const LayerText& layer : parse_layers(text)) {
    try {
      const Kind& kind = kind_of(layer.name);
      network.layers->push_back(kind.make(Arguments(kind.signature, layer.arguments), draft));
      if (!draft.shape.empty()) draft.numel();
    } catch (const OutOfMemoryError&) {
      throw;
    } catch (const Error& error) {
      detail::fail<ValueError>("layers: at character ", layer.position, ": ", layer.text, ": ", error.what());
    }
  }
  TENON_CHECK_VALUE(!draft.shape.empty(), "layers: none tells how many numbers a row has; add one such as Linear");
  network.input_size = draft.input_size;
  network.output_size = draft.numel();
  return network;
}

}  // namespace tenon::c
