// AnyModule: a module of any class whose forward() can be called without knowing the class, as containers do.
#pragma once

#include <any>
#include <array>
#include <memory>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

#include "tenon/nn/module.h"

namespace tenon::nn {

namespace detail {
[[noreturn]] TENON_API void fail_any_cast(const char* what, const std::type_info& actual, const std::type_info& wanted);
[[noreturn]] TENON_API void fail_any_argument(size_t index, const std::type_info& wanted, const std::type_info& actual);
[[noreturn]] TENON_API void fail_any_empty(const char* call);
}  // namespace detail

// A value of any copyable type.
class AnyValue {
 public:
  template <class T>
  requires(!std::is_same_v<std::remove_cvref_t<T>, AnyValue>) explicit AnyValue(T&& value)
      : value_(std::forward<T>(value)) {}

  // Null where the value is of another type.
  template <class T>
  T* try_get() {
    return std::any_cast<T>(&value_);
  }
  template <class T>
  T get() {
    if (T* value = try_get<T>()) return *value;
    detail::fail_any_cast("AnyValue", type_info(), typeid(T));
  }
  const std::type_info& type_info() const noexcept { return value_.type(); }

 private:
  std::any value_;
};

namespace detail {

// How a class's forward() is called with arguments in AnyValues.
struct AnyForward {
  const std::type_info& type;
  size_t arity;
  AnyValue (*call)(Module& module, AnyValue* arguments);

  TENON_API AnyValue operator()(Module& module, std::vector<AnyValue>&& arguments) const;

  template <class M, class Result, class Class, class... Args>
  static const AnyForward* of(Result (Class::*)(Args...)) {
    static const AnyForward forward = {typeid(M), sizeof...(Args), &invoke<M, Args...>};
    return &forward;
  }
  template <class M, class Result, class Class, class... Args>
  static const AnyForward* of(Result (Class::*)(Args...) const) {
    return of<M, Result, Class, Args...>(static_cast<Result (Class::*)(Args...)>(nullptr));
  }

 private:
  template <class T>
  static T& argument(AnyValue* arguments, size_t index) {
    if (T* value = arguments[index].try_get<T>()) return *value;
    fail_any_argument(index, typeid(T), arguments[index].type_info());
  }
  template <class M, class... Args>
  static AnyValue invoke(Module& module, AnyValue* arguments) {
    return [&]<size_t... I>(std::index_sequence<I...>) {
      return AnyValue(static_cast<M&>(module).forward(std::move(argument<std::decay_t<Args>>(arguments, I))...));
    }
    (std::index_sequence_for<Args...>{});
  }
};

}  // namespace detail

class AnyModule {
 public:
  AnyModule() = default;
  template <class M>
  requires detail::IsModule<M>
  explicit AnyModule(std::shared_ptr<M> module)
      : module_(std::move(module)), forward_(detail::AnyForward::of<M>(&M::forward)) {}
  template <class M>
  requires detail::IsModule<M>
  explicit AnyModule(M&& module) : AnyModule(std::make_shared<std::remove_cvref_t<M>>(std::forward<M>(module))) {}
  template <class M>
  explicit AnyModule(const ModuleHolder<M>& holder) : AnyModule(holder.ptr()) {}
  template <class M>
  AnyModule& operator=(std::shared_ptr<M> module) {
    return *this = AnyModule(std::move(module));
  }

  AnyModule clone(optional<Device> device = nullopt) const {
    AnyModule copy = *this;
    if (module_) copy.module_ = module_->clone(device);
    return copy;
  }

  template <class... Args>
  AnyValue any_forward(Args&&... args) {
    std::vector<AnyValue> values;
    values.reserve(sizeof...(Args));
    (values.push_back(as_value(std::forward<Args>(args))), ...);
    return call(std::move(values));
  }
  template <class Result = Tensor, class... Args>
  Result forward(Args&&... args) {
    return any_forward(std::forward<Args>(args)...).template get<Result>();
  }

  template <class T>
  requires detail::IsModule<T> T& get() const {
    if (!module_) detail::fail_any_empty("get()");
    if (forward_->type != typeid(T)) detail::fail_any_cast("module", forward_->type, typeid(T));
    return static_cast<T&>(*module_);
  }
  template <class T, class ContainedType = typename T::ContainedType>
  T get() const {
    return T(ptr<ContainedType>());
  }
  std::shared_ptr<Module> ptr() const {
    if (!module_) detail::fail_any_empty("ptr()");
    return module_;
  }
  template <class T>
  requires detail::IsModule<T> std::shared_ptr<T> ptr()
  const { return std::shared_ptr<T>(module_, &get<T>()); }
  const std::type_info& type_info() const {
    if (!module_) detail::fail_any_empty("type_info()");
    return forward_->type;
  }
  bool is_empty() const noexcept { return !module_; }

 private:
  TENON_API AnyValue call(std::vector<AnyValue>&& arguments);
  template <class T>
  static AnyValue as_value(T&& value) {
    return AnyValue(std::forward<T>(value));
  }
  static AnyValue as_value(AnyValue value) { return value; }

  std::shared_ptr<Module> module_;
  const detail::AnyForward* forward_ = nullptr;
};

// A module with the name under which a container is to hold it.
class NamedAnyModule {
 public:
  template <class M>
  NamedAnyModule(std::string name, std::shared_ptr<M> module) : NamedAnyModule(std::move(name), AnyModule(module)) {}
  template <class M>
  requires(detail::IsModule<M> || detail::IsHolder<M>) NamedAnyModule(std::string name, M&& module)
      : NamedAnyModule(std::move(name), AnyModule(std::forward<M>(module))) {}
  NamedAnyModule(std::string name, AnyModule module) : name_(std::move(name)), module_(std::move(module)) {}

  const std::string& name() const noexcept { return name_; }
  AnyModule& module() noexcept { return module_; }
  const AnyModule& module() const noexcept { return module_; }

 private:
  std::string name_;
  AnyModule module_;
};

}  // namespace tenon::nn

// In a class whose forward() has default arguments: their positions and values, {1, AnyValue(Tensor())}, so that
// containers may leave them out.
#define TENON_FORWARD_HAS_DEFAULT_ARGS(...)                                                                         \
  friend struct ::tenon::nn::detail::AnyForward;                                                                    \
  bool _forward_has_default_args() override { return true; }                                                        \
  unsigned int _forward_num_required_args() override {                                                              \
    std::pair<unsigned int, ::tenon::nn::AnyValue> defaults[] = {__VA_ARGS__};                                      \
    return defaults[0].first;                                                                                       \
  }                                                                                                                 \
  std::vector<::tenon::nn::AnyValue> _forward_populate_default_args(std::vector<::tenon::nn::AnyValue>&& arguments) \
      override {                                                                                                    \
    std::pair<unsigned int, ::tenon::nn::AnyValue> defaults[] = {__VA_ARGS__};                                      \
    for (auto& [position, value] : defaults) {                                                                      \
      if (position >= arguments.size()) arguments.push_back(std::move(value));                                      \
    }                                                                                                               \
    return std::move(arguments);                                                                                    \
  }
