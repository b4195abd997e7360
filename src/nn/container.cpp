// Containers; see container.h.
#include "tenon/nn/container.h"

#include <ostream>

namespace tenon::nn {
namespace {

// A dtype's name in C++: Float for float32.
const char* enumerator_name(ScalarType dtype) {
  switch (dtype) {
#define TENON_NAME(type, name, python) \
  case ScalarType::name:               \
    return #name;
    TENON_FORALL_DTYPES(TENON_NAME)
#undef TENON_NAME
  }
  return "";
}

void print_parameters(std::ostream& out, const char* name, const OrderedDict<std::string, Tensor>& parameters) {
  out << name << "(\n";
  for (const auto& item : parameters) {
    out << '(' << item.key() << ')' << ": Parameter containing: [" << enumerator_name(item->dtype()) << " of size "
        << item->sizes() << "]\n";
  }
  out << ')';
}

}  // namespace

SequentialImpl::SequentialImpl() = default;

SequentialImpl::SequentialImpl(OrderedDict<std::string, AnyModule>&& modules) {
  for (auto& item : modules) push_back(item.key(), std::move(item.value()));
}

SequentialImpl::SequentialImpl(std::initializer_list<NamedAnyModule> modules) {
  for (const NamedAnyModule& item : modules) push_back(item.name(), item.module());
}

std::shared_ptr<Module> SequentialImpl::clone(const optional<Device>& device) const {
  auto copy = std::make_shared<SequentialImpl>();
  const auto children = named_children();
  for (size_t i = 0; i < size(); ++i) copy->push_back(children[i].key(), modules_[i].clone(device));
  copy->train(is_training());
  return copy;
}

void SequentialImpl::reset() {}
void SequentialImpl::pretty_print(std::ostream& stream) const { stream << "torch::nn::Sequential"; }

void SequentialImpl::push_back(AnyModule module) { push_back(std::to_string(size()), std::move(module)); }

void SequentialImpl::push_back(std::string name, AnyModule module) {
  register_module(std::move(name), module.ptr());
  modules_.push_back(std::move(module));
}

const AnyModule& SequentialImpl::checked(size_t index) const {
  TENON_CHECK_INDEX(index < size(), "Sequential: Index ", index, " is out of range, there are ", size(), " modules");
  return modules_[index];
}

AnyValue SequentialImpl::run(AnyValue value) {
  for (size_t i = 1; i < size(); ++i) value = modules_[i].any_forward(std::move(value));
  return value;
}

AnyValue SequentialImpl::run_empty() const {
  tenon::detail::fail<TensorError>("Cannot call forward() on an empty Sequential");
}

void SequentialImpl::fail_result(const std::type_info& actual, const std::type_info& wanted) {
  tenon::detail::fail<TensorError>("The type of the return value is ", detail::type_name(actual),
                                   ", but you asked for type ", detail::type_name(wanted));
}

ModuleListImpl::ModuleListImpl() = default;

std::shared_ptr<Module> ModuleListImpl::clone(const optional<Device>& device) const {
  auto copy = std::make_shared<ModuleListImpl>();
  for (const auto& module : modules_) copy->push_back(module->clone(device));
  copy->train(is_training());
  return copy;
}

void ModuleListImpl::reset() {}
void ModuleListImpl::pretty_print(std::ostream& stream) const { stream << "torch::nn::ModuleList"; }

void ModuleListImpl::push_back(std::shared_ptr<Module> module) {
  register_module(std::to_string(size()), module);
  modules_.push_back(std::move(module));
}

void ModuleListImpl::insert(size_t index, std::shared_ptr<Module> module) {
  TENON_CHECK_INDEX(index <= size(), "ModuleList: Index ", index, " is out of range, there are ", size(), " modules");
  push_back(module);
  std::rotate(modules_.begin() + static_cast<std::ptrdiff_t>(index), modules_.end() - 1, modules_.end());
  for (size_t i = index; i < size(); ++i) replace_module(std::to_string(i), modules_[i]);
}

const std::shared_ptr<Module>& ModuleListImpl::checked(size_t index) const {
  TENON_CHECK_INDEX(index < size(), "ModuleList: Index ", index, " is out of range, there are ", size(), " modules");
  return modules_[index];
}

ModuleDictImpl::ModuleDictImpl() = default;
ModuleDictImpl::ModuleDictImpl(const std::vector<std::pair<std::string, std::shared_ptr<Module>>>& modules) {
  update(modules);
}
ModuleDictImpl::ModuleDictImpl(const Modules& modules) { update(modules); }

std::shared_ptr<Module> ModuleDictImpl::clone(const optional<Device>& device) const {
  auto copy = std::make_shared<ModuleDictImpl>();
  for (const auto& item : modules_) copy->insert(item.key(), item.value()->clone(device));
  copy->train(is_training());
  return copy;
}

void ModuleDictImpl::reset() {}
void ModuleDictImpl::pretty_print(std::ostream& stream) const { stream << "torch::nn::ModuleDict"; }

void ModuleDictImpl::clear() {
  for (const auto& item : modules_) unregister_module(item.key());
  modules_.clear();
}

std::shared_ptr<Module> ModuleDictImpl::pop(const std::string& key) {
  std::shared_ptr<Module> module = modules_[key];
  unregister_module(key);
  modules_.erase(key);
  return module;
}

void ModuleDictImpl::update(const std::vector<std::pair<std::string, std::shared_ptr<Module>>>& modules) {
  for (const auto& [key, module] : modules) insert(key, module);
}

void ModuleDictImpl::insert(const std::string& key, const std::shared_ptr<Module>& module) {
  if (std::shared_ptr<Module>* present = modules_.find(key)) {
    *present = replace_module(key, module);
  } else {
    modules_.insert(key, register_module(key, module));
  }
}

ParameterListImpl::ParameterListImpl() = default;
void ParameterListImpl::reset() {}
void ParameterListImpl::pretty_print(std::ostream& stream) const {
  print_parameters(stream, "torch::nn::ParameterList", parameters_);
}

void ParameterListImpl::append(const Tensor& parameter) {
  register_parameter(std::to_string(size()), parameter, parameter.requires_grad());
}

void ParameterListImpl::append(const OrderedDict<std::string, Tensor>::Item& item) {
  register_parameter(item.key(), item.value(), item->requires_grad());
}

ParameterDictImpl::ParameterDictImpl() = default;
ParameterDictImpl::ParameterDictImpl(const OrderedDict<std::string, Tensor>& parameters) { update(parameters); }
void ParameterDictImpl::reset() {}
void ParameterDictImpl::pretty_print(std::ostream& stream) const {
  print_parameters(stream, "torch::nn::ParameterDict", parameters_);
}

Tensor& ParameterDictImpl::insert(const std::string& key, const Tensor& parameter) {
  return register_parameter(key, parameter, parameter.requires_grad());
}

Tensor ParameterDictImpl::pop(const std::string& key) {
  Tensor parameter = parameters_[key];
  parameters_.erase(key);
  return parameter;
}

void ParameterDictImpl::update(const OrderedDict<std::string, Tensor>& parameters) {
  for (const auto& item : parameters) {
    if (Tensor* present = parameters_.find(item.key())) {
      *present = item.value();
    } else {
      insert(item.key(), item.value());
    }
  }
}

FunctionalImpl::FunctionalImpl(Function function) : function_(std::move(function)) {}
void FunctionalImpl::reset() {}
void FunctionalImpl::pretty_print(std::ostream& stream) const { stream << "torch::nn::Functional()"; }

}  // namespace tenon::nn
