// nn::Module: what models are made of. A module holds parameters, buffers and submodules under names; Cloneable makes
// it copyable, and ModuleHolder, which TENON_MODULE declares, is the handle that programs pass around:
//
//   struct NetImpl : nn::Module {
//     NetImpl() { fc = register_module("fc", nn::Linear(784, 10)); }
//     Tensor forward(Tensor x) { return log_softmax(fc(x), 1); }
//     nn::Linear fc{nullptr};
//   };
//   TENON_MODULE(Net);
#pragma once

#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <vector>

#include "tenon/nn/hooks.h"

namespace tenon {

namespace nn {
class Module;
}
namespace serialize {
class OutputArchive;
class InputArchive;
}  // namespace serialize
extern template class TENON_API OrderedDict<std::string, std::shared_ptr<nn::Module>>;

namespace nn {

class AnyValue;
template <class Contained>
class ModuleHolder;
struct ModuleHolderBase {};
namespace detail {
template <class M>
concept IsModule = std::is_base_of_v<Module, std::remove_cvref_t<M>>;
template <class M>
concept IsHolder = std::is_base_of_v<ModuleHolderBase, std::remove_cvref_t<M>>;

// A type as programs write it.
TENON_API std::string type_name(const std::type_info& type);
[[noreturn]] TENON_API void fail_empty_holder();
struct AnyForward;
}  // namespace detail

class TENON_API Module : public std::enable_shared_from_this<Module> {
 public:
  using ModuleApplyFunction = std::function<void(Module&)>;
  using ConstModuleApplyFunction = std::function<void(const Module&)>;
  using NamedModuleApplyFunction = std::function<void(const std::string&, Module&)>;
  using ConstNamedModuleApplyFunction = std::function<void(const std::string&, const Module&)>;
  using ModulePointerApplyFunction = std::function<void(const std::shared_ptr<Module>&)>;
  using NamedModulePointerApplyFunction = std::function<void(const std::string&, const std::shared_ptr<Module>&)>;

  Module();
  // Without a name, a module's name is that of its class.
  explicit Module(std::string name);
  Module(const Module&);
  Module& operator=(const Module&);
  Module(Module&&) noexcept;
  Module& operator=(Module&&) noexcept;
  virtual ~Module();

  const std::string& name() const;

  // A copy with parameters of its own; raises in modules that are not Cloneable.
  virtual std::shared_ptr<Module> clone(const optional<Device>& device = nullopt) const;

  // Calls `function` with this module and all below it, each before those below it.
  void apply(const ModuleApplyFunction& function);
  void apply(const ConstModuleApplyFunction& function) const;
  void apply(const NamedModuleApplyFunction& function, const std::string& name_prefix = "");
  void apply(const ConstNamedModuleApplyFunction& function, const std::string& name_prefix = "") const;
  void apply(const ModulePointerApplyFunction& function) const;
  void apply(const NamedModulePointerApplyFunction& function, const std::string& name_prefix = "") const;

  std::vector<Tensor> parameters(bool recurse = true) const;
  OrderedDict<std::string, Tensor> named_parameters(bool recurse = true) const;
  std::vector<Tensor> buffers(bool recurse = true) const;
  OrderedDict<std::string, Tensor> named_buffers(bool recurse = true) const;
  std::vector<std::shared_ptr<Module>> modules(bool include_self = true) const;
  OrderedDict<std::string, std::shared_ptr<Module>> named_modules(const std::string& name_prefix = "",
                                                                  bool include_self = true) const;
  std::vector<std::shared_ptr<Module>> children() const;
  OrderedDict<std::string, std::shared_ptr<Module>> named_children() const;

  virtual void train(bool on = true);
  void eval() { train(false); }
  virtual bool is_training() const noexcept { return is_training_; }

  // Converts what is floating-point or complex, and moves all to a device.
  virtual void to(Device device, Dtype dtype, bool non_blocking = false);
  virtual void to(Dtype dtype, bool non_blocking = false);
  virtual void to(Device device, bool non_blocking = false);
  virtual void zero_grad(bool set_to_none = true);
  // Whether gradients are computed for the parameters.
  void requires_grad_(bool requires_grad = true);

  // This module as a Linear, say, or as a LinearImpl; null if it is none.
  template <class M>
  auto* as() noexcept {
    return const_cast<std::remove_const_t<std::remove_pointer_t<decltype(std::as_const(*this).template as<M>())>>*>(
        std::as_const(*this).template as<M>());
  }
  template <class M>
  const auto* as() const noexcept {
    if constexpr (detail::IsHolder<M>) {
      return dynamic_cast<const typename M::ContainedType*>(this);
    } else {
      return dynamic_cast<const M*>(this);
    }
  }

  virtual void pretty_print(std::ostream& stream) const;
  // Whether this module and those below it take part when a model is saved.
  virtual bool is_serializable() const { return true; }
  // Through tenon::save(module, path) and tenon::load(module, path), which the io layer defines as it does these.
  virtual void save(serialize::OutputArchive& archive) const;
  virtual void load(serialize::InputArchive& archive);

  Tensor& register_parameter(std::string name, Tensor tensor, bool requires_grad = true);
  // A buffer that is not persistent is no part of the state_dict().
  Tensor& register_buffer(std::string name, Tensor tensor, bool persistent = true);
  bool is_persistent_buffer(const std::string& name) const;
  template <class M>
  std::shared_ptr<M> register_module(std::string name, std::shared_ptr<M> module) {
    insert_child(std::move(name), module);
    return module;
  }
  template <class M>
  std::shared_ptr<M> register_module(std::string name, ModuleHolder<M> holder) {
    return register_module(std::move(name), holder.ptr());
  }
  template <class M>
  std::shared_ptr<M> replace_module(const std::string& name, std::shared_ptr<M> module) {
    children_[name] = module;
    return module;
  }
  template <class M>
  std::shared_ptr<M> replace_module(const std::string& name, ModuleHolder<M> holder) {
    return replace_module(name, holder.ptr());
  }
  void unregister_module(const std::string& name);

  // See hooks.h. With `prepend`, before the hooks of its kind that are there.
  RemovableHandle register_forward_pre_hook(ForwardPreHook hook, bool prepend = false);
  // With `always_call`, also if forward() throws.
  RemovableHandle register_forward_hook(ForwardHook hook, bool prepend = false, bool always_call = false);
  RemovableHandle register_full_backward_pre_hook(FullBackwardPreHook hook, bool prepend = false);
  RemovableHandle register_full_backward_hook(FullBackwardHook hook, bool prepend = false);
  RemovableHandle register_state_dict_pre_hook(StateDictPreHook hook, bool prepend = false);
  RemovableHandle register_state_dict_post_hook(StateDictPostHook hook, bool prepend = false);
  RemovableHandle register_load_state_dict_pre_hook(LoadStateDictPreHook hook, bool prepend = false);
  RemovableHandle register_load_state_dict_post_hook(LoadStateDictPostHook hook, bool prepend = false);
  bool has_hooks() const noexcept {
    return hooks_ != nullptr || detail::any_global_hooks.load(std::memory_order_relaxed);
  }

 protected:
  // Of a lazy module: makes what it does not have yet for a state that is going to be loaded.
  virtual void materialize(const StateDict& state, const std::string& prefix);

  // What TENON_FORWARD_HAS_DEFAULT_ARGS defines.
  virtual bool _forward_has_default_args() { return false; }
  virtual unsigned int _forward_num_required_args();
  virtual std::vector<AnyValue> _forward_populate_default_args(std::vector<AnyValue>&& arguments);

  OrderedDict<std::string, Tensor> parameters_{"Parameter"};

 private:
  friend class CloneableModule;
  friend struct detail::AnyForward;
  friend class detail::HookedCall;
  friend class ModuleEditor;
  TENON_API friend StateDict state_dict(const Module& module);
  TENON_API friend LoadReport load_state_dict(Module& module, StateDict state, bool strict, bool assign);
  TENON_API friend std::ostream& operator<<(std::ostream& out, const Module& module);

  // Of clone(): the members of a fresh copy, which reset() is to make anew, and their values.
  void forget_members();
  void copy_members(const Module& source, const optional<Device>& device);
  void copy_structure(const Module& source, const optional<Device>& device);
  // Makes this module, which is part of a copy, a copy of `other`.
  virtual void clone_(Module& other, const optional<Device>& device);

  RemovableHandle add_hook(detail::HookKind kind, std::shared_ptr<void> function, bool prepend, bool always_call);
  void insert_child(std::string name, std::shared_ptr<Module> module);
  void convert(const std::function<Tensor(const Tensor&)>& convert_one);
  void print(std::ostream& out, const std::string& indentation) const;
  template <class Visit>
  void visit_below(const Visit& visit, const std::string& prefix) const;
  std::shared_ptr<Module> checked_self() const;

  OrderedDict<std::string, Tensor> buffers_{"Buffer"};
  OrderedDict<std::string, std::shared_ptr<Module>> children_{"Submodule"};
  std::vector<std::string> non_persistent_;
  std::shared_ptr<detail::HookList> hooks_;
  mutable optional<std::string> name_;
  bool is_training_ = true;
  // Members were added or taken away since reset(), as parametrizations do.
  bool is_edited_ = false;
};

// Prints a module and those below it.
TENON_API std::ostream& operator<<(std::ostream& out, const Module& module);

// What Cloneable does for every class alike.
class TENON_API CloneableModule : public Module {
 public:
  using Module::Module;

  // Registers all parameters, buffers and submodules; the constructor calls it, and clone() does.
  virtual void reset();
  // Draws no random numbers, whatever reset() draws.
  std::shared_ptr<Module> clone(const optional<Device>& device = nullopt) const override;

 private:
  // A copy of this module alone, with the same parameters: a new one, or put into `target`, which is of the same class.
  virtual Module* copy_to(Module* target) const = 0;
  void clone_(Module& other, const optional<Device>& device) final;
};

namespace detail {
[[noreturn]] TENON_API void fail_other_class(const Module& expected);

template <class M>
Module* copy_to(const M& module, Module* target) {
  if (!target) return new M(module);
  if (typeid(*target) != typeid(M)) fail_other_class(*target);
  static_cast<M&>(*target) = module;
  return target;
}
}  // namespace detail

// A module that can be copied: its reset() registers all parameters, buffers and submodules.
template <class Derived>
class Cloneable : public CloneableModule {
 public:
  using CloneableModule::CloneableModule;

  void reset() override = 0;

 private:
  Module* copy_to(Module* target) const final { return detail::copy_to(static_cast<const Derived&>(*this), target); }
};

// A shared pointer to a module that acts as the module: holder(x) calls forward(x).
template <class Contained>
class ModuleHolder : public ModuleHolderBase {
 public:
  using ContainedType = Contained;

  ModuleHolder() : impl_(std::make_shared<Contained>()) {}
  ModuleHolder(std::nullptr_t) {}
  ModuleHolder(std::shared_ptr<Contained> module) : impl_(std::move(module)) {}
  template <class Head, class... Tail>
  requires(!(sizeof...(Tail) == 0 &&
             std::is_base_of_v<ModuleHolder, std::remove_cvref_t<Head>>)) explicit ModuleHolder(Head&& head,
                                                                                                Tail&&... tail)
      : impl_(std::make_shared<Contained>(std::forward<Head>(head), std::forward<Tail>(tail)...)) {}

  explicit operator bool() const noexcept { return !is_empty(); }
  bool is_empty() const noexcept { return !impl_; }
  const std::shared_ptr<Contained>& ptr() const {
    if (!impl_) detail::fail_empty_holder();
    return impl_;
  }
  Contained* get() { return ptr().get(); }
  const Contained* get() const { return ptr().get(); }
  Contained* operator->() { return get(); }
  const Contained* operator->() const { return get(); }
  Contained& operator*() { return *get(); }
  const Contained& operator*() const { return *get(); }

  template <class... Args, class M = Contained>
  auto operator()(Args&&... args) -> decltype(std::declval<M&>().forward(std::forward<Args>(args)...)) {
    using Result = decltype(std::declval<M&>().forward(std::forward<Args>(args)...));
    if (get()->has_hooks()) [[unlikely]]
      return detail::call_with_hooks<Result>(*get(), std::forward<Args>(args)...);
    return get()->forward(std::forward<Args>(args)...);
  }
  template <class Arg>
  decltype(auto) operator[](Arg&& arg) {
    return (*get())[std::forward<Arg>(arg)];
  }

 protected:
  std::shared_ptr<Contained> impl_;
};

template <class M>
std::ostream& operator<<(std::ostream& out, const ModuleHolder<M>& holder) {
  return out << *holder;
}

}  // namespace nn
}  // namespace tenon

// Declares Name, the holder of NameImpl.
#define TENON_MODULE_IMPL(Name, ImplType)                    \
  class Name : public ::tenon::nn::ModuleHolder<ImplType> {  \
   public:                                                   \
    using ::tenon::nn::ModuleHolder<ImplType>::ModuleHolder; \
    using Impl [[maybe_unused]] = ImplType;                  \
  }
#define TENON_MODULE(Name) TENON_MODULE_IMPL(Name, Name##Impl)
