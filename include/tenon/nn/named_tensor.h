// How utilities that replace a module's parameters find the members that forward() reads.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <string>

#include "tenon/nn/module.h"

namespace tenon::nn {

namespace detail {
using MemberOf = std::function<Tensor&(Module&)>;

// Where a module of class M keeps the tensor of this name; null where it has none.
template <class M>
MemberOf find_member(const std::string& name) {
#define TENON_MEMBER(member)                                                           \
  if constexpr (requires(M & m) { static_cast<Tensor&>(m.member); }) {                 \
    if (name == #member) {                                                             \
      return [](Module& module) -> Tensor& { return static_cast<M&>(module).member; }; \
    }                                                                                  \
  }
  TENON_MEMBER(weight)
  TENON_MEMBER(bias)
  TENON_MEMBER(in_proj_weight)
  TENON_MEMBER(in_proj_bias)
  TENON_MEMBER(weight_ih)
  TENON_MEMBER(weight_hh)
  TENON_MEMBER(bias_ih)
  TENON_MEMBER(bias_hh)
#undef TENON_MEMBER
  // Recurrent layers have any number of them.
  if constexpr (requires(M & m) { static_cast<Tensor&>(m.weight_called(name)); }) {
    return [name](Module& module) -> Tensor& { return static_cast<M&>(module).weight_called(name); };
  }
  return nullptr;
}
}  // namespace detail

// A module of a known class, as a holder or a shared pointer.
class KnownModule {
 public:
  template <class M>
  requires detail::IsModule<M> KnownModule(std::shared_ptr<M> module)
      : module_(std::move(module)), find_(detail::find_member<M>) {}
  template <class Holder>
  requires detail::IsHolder<Holder> KnownModule(const Holder& holder) : KnownModule(holder.ptr()) {}

  Module& module() const { return *module_; }
  detail::MemberOf member(const std::string& name) const { return find_(name); }

 private:
  std::shared_ptr<Module> module_;
  detail::MemberOf (*find_)(const std::string&);
};

}  // namespace tenon::nn
