// What modules that options describe have in common. They are declared by macros and not derived from Cloneable, whose
// instances would be as many classes more.
#pragma once

#include <string_view>
#include <type_traits>
#include <utility>

#include "tenon/nn/any.h"
#include "tenon/nn/arg.h"

// In a class Name##Impl derived from CloneableModule: how it is copied.
#define TENON_COPYABLE(Name)                                                                \
 private:                                                                                   \
  ::tenon::nn::Module* copy_to(::tenon::nn::Module* target) const override {                \
    return ::tenon::nn::detail::copy_to(*this, target);                                     \
  }                                                                                         \
                                                                                            \
 public:

// The same, and its options, from which it is made, or from what they are made of.
#define TENON_LAYER_MEMBERS(Name)                                                       \
  TENON_COPYABLE(Name)                                                                  \
  using Options = Name##Options;                                                        \
  explicit Name##Impl(Options options);                                                 \
  template <class First, class... Rest>                                                 \
  requires std::is_constructible_v<Options, First, Rest...>                             \
  explicit Name##Impl(First&& first, Rest&&... rest)                                    \
      : Name##Impl(Options(std::forward<First>(first), std::forward<Rest>(rest)...)) {} \
                                                                                        \
  Options options;

// Declares a module without parameters that maps a tensor to a tensor.
#define TENON_SIMPLE_LAYER(Name, ...)                       \
  class TENON_API Name##Impl : public CloneableModule {     \
    TENON_LAYER_MEMBERS(Name)                               \
    __VA_ARGS__                                             \
    void pretty_print(std::ostream& stream) const override; \
    Tensor forward(const Tensor& input);                    \
  };                                                        \
  TENON_MODULE(Name)

namespace tenon::nn {
// In the place of a number of inputs: the first call shows it, or a state that is loaded. Until then the module has no
// parameters.
inline constexpr int64_t kLazy = -1;
}  // namespace tenon::nn

// Declares LazyName, a Name without the first of its options.
#define TENON_LAZY(Name)                                                                                          \
  class Lazy##Name : public Name {                                                                                \
   public:                                                                                                        \
    Lazy##Name(std::nullptr_t) : Name(nullptr) {}                                                                 \
    template <class... Rest>                                                                                      \
    requires std::is_constructible_v<Name##Options, int64_t, Rest...>                                             \
    explicit Lazy##Name(Rest&&... rest) : Name(Name##Options(::tenon::nn::kLazy, std::forward<Rest>(rest)...)) {} \
  }
