// Padding: options, functions and modules.
#pragma once

#include <vector>

#include "tenon/nn/layer.h"

namespace tenon::nn {

// D spatial dims; two numbers for each, from the last dim to the first.
template <size_t D>
struct PadOptions {
  PadOptions(ExpandingArray<D * 2> padding) : padding_(padding) {}
  TENON_ARG(ExpandingArray<D * 2>, padding);
};
template <size_t D>
struct ConstantPadOptions {
  ConstantPadOptions(ExpandingArray<D * 2> padding, double value) : padding_(padding), value_(value) {}
  TENON_ARG(ExpandingArray<D * 2>, padding);
  TENON_ARG(double, value);
};

namespace functional {

struct PadFuncOptions {
  PadFuncOptions(std::vector<int64_t> pad) : pad_(std::move(pad)) {}
  TENON_ARG(std::vector<int64_t>, pad);
  TENON_ARG(std::string_view, mode) = kConstant;
  TENON_ARG(double, value) = 0;
};

TENON_API Tensor pad(const Tensor& input, const PadFuncOptions& options);

}  // namespace functional

#define TENON_PAD(Name, D, Base)     \
  using Name##D##dOptions = Base<D>; \
  TENON_SIMPLE_LAYER(Name##D##d)
#define TENON_PADS(Name, Base) \
  TENON_PAD(Name, 1, Base);    \
  TENON_PAD(Name, 2, Base);    \
  TENON_PAD(Name, 3, Base)

TENON_PADS(ReflectionPad, PadOptions);
TENON_PADS(ReplicationPad, PadOptions);
TENON_PADS(ZeroPad, PadOptions);
TENON_PADS(CircularPad, PadOptions);
TENON_PADS(ConstantPad, ConstantPadOptions);
#undef TENON_PADS
#undef TENON_PAD

}  // namespace tenon::nn
