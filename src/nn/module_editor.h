// Changes of what a module has registered, for utilities that put other tensors in the place of a parameter.
#pragma once

#include <string>
#include <utility>

#include "tenon/nn/module.h"
#include "tenon/nn/named_tensor.h"

namespace tenon::nn {

class ModuleEditor {
 public:
  explicit ModuleEditor(Module& module) : module_(module) {}

  OrderedDict<std::string, Tensor>& parameters() {
    module_.is_edited_ = true;
    return module_.parameters_;
  }
  OrderedDict<std::string, Tensor>& buffers() {
    module_.is_edited_ = true;
    return module_.buffers_;
  }
  OrderedDict<std::string, std::shared_ptr<Module>>& children() {
    module_.is_edited_ = true;
    return module_.children_;
  }
  // Null where there is none.
  std::shared_ptr<Module> child(const std::string& name) const {
    const std::shared_ptr<Module>* found = module_.children_.find(name);
    return found ? *found : nullptr;
  }

  Tensor& parameter(const char* op, const std::string& name) {
    Tensor* found = module_.parameters_.find(name);
    TENON_CHECK_VALUE(found && found->defined(), op, ": ", module_.name(), " has no parameter '", name, "'");
    return *found;
  }
  Tensor take_parameter(const char* op, const std::string& name) {
    Tensor taken = parameter(op, name);
    parameters().erase(name);
    return taken;
  }
  // Hooks that are called before forward(), of this class and for this tensor. Null where there is none.
  template <class Hook>
  const Hook* find_hook(const std::string& name) const {
    return find_entry<Hook>(name).second;
  }
  template <class Hook>
  void remove_hook(const std::string& name) {
    if (const auto [at, hook] = find_entry<Hook>(name); hook) {
      module_.hooks_->entries.erase(module_.hooks_->entries.begin() + at);
    }
  }

  // Puts a tensor under this name, in the place of any that is there.
  static void put(OrderedDict<std::string, Tensor>& members, const std::string& name, Tensor tensor) {
    if (Tensor* found = members.find(name)) {
      *found = std::move(tensor);
    } else {
      members.insert(name, std::move(tensor));
    }
  }

 private:
  template <class Hook>
  std::pair<std::ptrdiff_t, const Hook*> find_entry(const std::string& name) const {
    if (!module_.hooks_) return {0, nullptr};
    const auto& entries = module_.hooks_->entries;
    for (size_t i = 0; i < entries.size(); ++i) {
      if (entries[i].kind != detail::HookKind::ForwardPre) continue;
      const auto* hook = static_cast<const ForwardPreHook*>(entries[i].function.get())->target<Hook>();
      if (hook && hook->name == name) return {static_cast<std::ptrdiff_t>(i), hook};
    }
    return {0, nullptr};
  }

  Module& module_;
};

inline detail::MemberOf member_of(const char* op, const KnownModule& known, const std::string& name) {
  const detail::MemberOf member = known.member(name);
  TENON_CHECK_VALUE(member, op, ": ", known.module().name(), " has no member '", name, "' that can be replaced");
  return member;
}

}  // namespace tenon::nn
