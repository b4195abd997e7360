// Layer: what modules that options describe have in common.
#pragma once

#include <string_view>
#include <utility>

#include "tenon/nn/any.h"
#include "tenon/nn/arg.h"

namespace tenon::nn {

template <class Derived, class OptionsType>
class Layer : public Cloneable<Derived> {
 public:
  using Options = OptionsType;

  explicit Layer(Options options) : options(std::move(options)) {}
  void reset() override {}

  Options options;
};

}  // namespace tenon::nn

// In a class Name##Impl derived from Layer: constructors from its options, and from what its options are made of.
#define TENON_LAYER_CONSTRUCTORS(Name)                       \
  Name##Impl(const Name##Impl&) = default;                   \
  Name##Impl& operator=(const Name##Impl&) = default;        \
  explicit Name##Impl(Options options);                      \
  template <class First, class Second, class... Rest>        \
  Name##Impl(First&& first, Second&& second, Rest&&... rest) \
      : Name##Impl(Options(std::forward<First>(first), std::forward<Second>(second), std::forward<Rest>(rest)...)) {}

// Declares a module without parameters that maps a tensor to a tensor.
#define TENON_SIMPLE_LAYER(Name, ...)                                    \
  class TENON_API Name##Impl : public Layer<Name##Impl, Name##Options> { \
   public:                                                               \
    __VA_ARGS__                                                          \
    TENON_LAYER_CONSTRUCTORS(Name)                                       \
    void pretty_print(std::ostream& stream) const override;              \
    Tensor forward(const Tensor& input);                                 \
  };                                                                     \
  TENON_MODULE(Name)
