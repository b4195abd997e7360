// Modules that hold others: Sequential, ModuleList, ModuleDict; ParameterList and ParameterDict, which hold tensors;
// and Functional, which makes a module of a function.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "tenon/nn/any.h"

namespace tenon::nn {

// Calls its modules one after the other, each with the result of the one before.
class TENON_API SequentialImpl : public Cloneable<SequentialImpl> {
 public:
  using Iterator = std::vector<AnyModule>::iterator;
  using ConstIterator = std::vector<AnyModule>::const_iterator;

  SequentialImpl();
  template <class... Modules>
  requires(sizeof...(Modules) > 0) explicit SequentialImpl(Modules&&... modules) {
    (push_back(std::forward<Modules>(modules)), ...);
  }
  explicit SequentialImpl(OrderedDict<std::string, AnyModule>&& modules);
  explicit SequentialImpl(std::initializer_list<NamedAnyModule> modules);

  std::shared_ptr<Module> clone(const optional<Device>& device = nullopt) const override;
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  template <class Result = Tensor, class... Inputs>
  Result forward(Inputs&&... inputs) {
    AnyValue result = is_empty() ? run_empty() : run(modules_[0].any_forward(std::forward<Inputs>(inputs)...));
    if (Result* value = result.template try_get<Result>()) return std::move(*value);
    fail_result(result.type_info(), typeid(Result));
  }

  void push_back(AnyModule module);
  void push_back(std::string name, AnyModule module);
  template <class M>
  void push_back(std::shared_ptr<M> module) {
    push_back(AnyModule(std::move(module)));
  }
  template <class M>
  void push_back(std::string name, std::shared_ptr<M> module) {
    push_back(std::move(name), AnyModule(std::move(module)));
  }
  template <class M>
  requires(detail::IsModule<M> || detail::IsHolder<M>) void push_back(M&& module) {
    push_back(AnyModule(std::forward<M>(module)));
  }
  template <class M>
  requires(detail::IsModule<M> || detail::IsHolder<M>) void push_back(std::string name, M&& module) {
    push_back(std::move(name), AnyModule(std::forward<M>(module)));
  }
  template <class Container>
  void extend(const Container& container) {
    for (const auto& module : container) push_back(module);
  }

  Iterator begin() { return modules_.begin(); }
  Iterator end() { return modules_.end(); }
  ConstIterator begin() const { return modules_.begin(); }
  ConstIterator end() const { return modules_.end(); }
  template <class T>
  T& at(size_t index) const {
    return checked(index).get<T>();
  }
  std::shared_ptr<Module> ptr(size_t index) const { return checked(index).ptr(); }
  template <class T>
  std::shared_ptr<T> ptr(size_t index) const {
    return checked(index).ptr<T>();
  }
  std::shared_ptr<Module> operator[](size_t index) const { return ptr(index); }
  size_t size() const noexcept { return modules_.size(); }
  bool is_empty() const noexcept { return modules_.empty(); }

 private:
  const AnyModule& checked(size_t index) const;
  AnyValue run(AnyValue first);
  AnyValue run_empty() const;
  [[noreturn]] static void fail_result(const std::type_info& actual, const std::type_info& wanted);

  std::vector<AnyModule> modules_;
};

class Sequential : public ModuleHolder<SequentialImpl> {
 public:
  using ModuleHolder::ModuleHolder;
  Sequential() = default;
  Sequential(std::initializer_list<NamedAnyModule> modules) : ModuleHolder(std::make_shared<SequentialImpl>(modules)) {}
};

// A list of modules, registered under their positions.
class TENON_API ModuleListImpl : public Cloneable<ModuleListImpl> {
 public:
  using Iterator = std::vector<std::shared_ptr<Module>>::iterator;
  using ConstIterator = std::vector<std::shared_ptr<Module>>::const_iterator;

  ModuleListImpl();
  template <class... Modules>
  requires(sizeof...(Modules) > 0) explicit ModuleListImpl(Modules&&... modules) {
    (push_back(std::forward<Modules>(modules)), ...);
  }

  std::shared_ptr<Module> clone(const optional<Device>& device = nullopt) const override;
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  void push_back(std::shared_ptr<Module> module);
  template <class M>
  requires detail::IsModule<M>
  void push_back(M&& module) {
    push_back(std::static_pointer_cast<Module>(std::make_shared<std::remove_cvref_t<M>>(std::forward<M>(module))));
  }
  template <class M>
  void push_back(const ModuleHolder<M>& holder) {
    push_back(std::static_pointer_cast<Module>(holder.ptr()));
  }
  template <class Container>
  void extend(const Container& container) {
    for (const auto& module : container) push_back(module);
  }
  void insert(size_t index, std::shared_ptr<Module> module);
  template <class M>
  void insert(size_t index, const ModuleHolder<M>& holder) {
    insert(index, std::static_pointer_cast<Module>(holder.ptr()));
  }
  template <class M>
  requires detail::IsModule<M>
  void insert(size_t index, M&& module) {
    insert(index, std::static_pointer_cast<Module>(std::make_shared<std::remove_cvref_t<M>>(std::forward<M>(module))));
  }

  Iterator begin() { return modules_.begin(); }
  Iterator end() { return modules_.end(); }
  ConstIterator begin() const { return modules_.begin(); }
  ConstIterator end() const { return modules_.end(); }
  template <class T>
  T& at(size_t index) const {
    auto* module = checked(index)->template as<T>();
    if (!module) detail::fail_any_cast("module", typeid(*checked(index)), typeid(T));
    return *module;
  }
  std::shared_ptr<Module> ptr(size_t index) const { return checked(index); }
  template <class T>
  std::shared_ptr<T> ptr(size_t index) const {
    return std::dynamic_pointer_cast<T>(checked(index));
  }
  std::shared_ptr<Module> operator[](size_t index) const { return checked(index); }
  size_t size() const noexcept { return modules_.size(); }
  bool is_empty() const noexcept { return modules_.empty(); }

 private:
  const std::shared_ptr<Module>& checked(size_t index) const;

  std::vector<std::shared_ptr<Module>> modules_;
};
TENON_MODULE(ModuleList);

// Modules under names.
class TENON_API ModuleDictImpl : public Cloneable<ModuleDictImpl> {
 public:
  using Modules = OrderedDict<std::string, std::shared_ptr<Module>>;
  using Iterator = Modules::Iterator;
  using ConstIterator = Modules::ConstIterator;

  ModuleDictImpl();
  explicit ModuleDictImpl(const std::vector<std::pair<std::string, std::shared_ptr<Module>>>& modules);
  explicit ModuleDictImpl(const Modules& modules);

  std::shared_ptr<Module> clone(const optional<Device>& device = nullopt) const override;
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  std::vector<std::pair<std::string, std::shared_ptr<Module>>> items() const { return modules_.pairs(); }
  std::vector<std::string> keys() const { return modules_.keys(); }
  std::vector<std::shared_ptr<Module>> values() const { return modules_.values(); }
  Iterator begin() { return modules_.begin(); }
  Iterator end() { return modules_.end(); }
  ConstIterator begin() const { return modules_.begin(); }
  ConstIterator end() const { return modules_.end(); }
  size_t size() const noexcept { return modules_.size(); }
  bool empty() const noexcept { return modules_.is_empty(); }
  bool contains(const std::string& key) const { return modules_.contains(key); }
  void clear();
  std::shared_ptr<Module> pop(const std::string& key);
  // Adds modules, or puts them in the place of those that have their names.
  void update(const std::vector<std::pair<std::string, std::shared_ptr<Module>>>& modules);
  template <class Dict>
  requires std::is_same_v<Dict, Modules>
  void update(const Dict& modules) { update(modules.pairs()); }
  void update(const ModuleDictImpl& other) { update(other.items()); }
  std::shared_ptr<Module> operator[](const std::string& key) const { return modules_[key]; }
  template <class T>
  T& at(const std::string& key) const {
    auto* module = modules_[key]->template as<T>();
    if (!module) detail::fail_any_cast("module", typeid(*modules_[key]), typeid(T));
    return *module;
  }

 private:
  void insert(const std::string& key, const std::shared_ptr<Module>& module);

  Modules modules_{"Module"};
};
TENON_MODULE(ModuleDict);

// A list of parameters, registered under their positions.
class TENON_API ParameterListImpl : public Cloneable<ParameterListImpl> {
 public:
  using Iterator = OrderedDict<std::string, Tensor>::Iterator;
  using ConstIterator = OrderedDict<std::string, Tensor>::ConstIterator;

  ParameterListImpl();
  template <class... Tensors>
  requires(sizeof...(Tensors) > 0 &&
           (std::is_convertible_v<Tensors, Tensor> && ...)) explicit ParameterListImpl(const Tensors&... parameters) {
    (append(parameters), ...);
  }

  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  void append(const Tensor& parameter);
  void append(const OrderedDict<std::string, Tensor>::Item& item);
  template <class Container>
  void extend(const Container& container) {
    for (const auto& parameter : container) append(parameter);
  }
  Iterator begin() { return parameters_.begin(); }
  Iterator end() { return parameters_.end(); }
  ConstIterator begin() const { return parameters_.begin(); }
  ConstIterator end() const { return parameters_.end(); }
  Tensor& at(size_t index) { return parameters_[index].value(); }
  const Tensor& at(size_t index) const { return parameters_[index].value(); }
  Tensor& operator[](size_t index) { return at(index); }
  const Tensor& operator[](size_t index) const { return at(index); }
  size_t size() const noexcept { return parameters_.size(); }
  bool is_empty() const noexcept { return parameters_.is_empty(); }
};
TENON_MODULE(ParameterList);

// Parameters under names.
class TENON_API ParameterDictImpl : public Cloneable<ParameterDictImpl> {
 public:
  using Iterator = OrderedDict<std::string, Tensor>::Iterator;
  using ConstIterator = OrderedDict<std::string, Tensor>::ConstIterator;

  ParameterDictImpl();
  explicit ParameterDictImpl(const OrderedDict<std::string, Tensor>& parameters);

  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  Tensor& insert(const std::string& key, const Tensor& parameter);
  Tensor pop(const std::string& key);
  void update(const OrderedDict<std::string, Tensor>& parameters);
  void update(const ParameterDictImpl& other) { update(other.parameters_); }
  void clear() { parameters_.clear(); }
  std::vector<std::string> keys() const { return parameters_.keys(); }
  std::vector<Tensor> values() const { return parameters_.values(); }
  Iterator begin() { return parameters_.begin(); }
  Iterator end() { return parameters_.end(); }
  ConstIterator begin() const { return parameters_.begin(); }
  ConstIterator end() const { return parameters_.end(); }
  size_t size() const noexcept { return parameters_.size(); }
  bool empty() const noexcept { return parameters_.is_empty(); }
  bool contains(const std::string& key) const { return parameters_.contains(key); }
  Tensor& get(const std::string& key) { return parameters_[key]; }
  const Tensor& get(const std::string& key) const { return parameters_[key]; }
  Tensor& operator[](const std::string& key) { return parameters_[key]; }
  const Tensor& operator[](const std::string& key) const { return parameters_[key]; }
};
TENON_MODULE(ParameterDict);

// A function of a tensor, with further arguments bound to it.
class TENON_API FunctionalImpl : public Cloneable<FunctionalImpl> {
 public:
  using Function = std::function<Tensor(Tensor)>;

  explicit FunctionalImpl(Function function);
  template <class F, class... Args>
  requires(sizeof...(Args) > 0) explicit FunctionalImpl(F function, Args&&... args)
      : FunctionalImpl(Function(std::bind(function, std::placeholders::_1, std::forward<Args>(args)...))) {}

  void reset() override;
  void pretty_print(std::ostream& stream) const override;
  bool is_serializable() const override { return false; }
  Tensor forward(Tensor input) { return function_(std::move(input)); }
  Tensor operator()(Tensor input) { return forward(std::move(input)); }

 private:
  Function function_;
};
TENON_MODULE(Functional);

}  // namespace tenon::nn
