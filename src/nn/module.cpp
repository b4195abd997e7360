// nn::Module; see module.h.
#include "tenon/nn/module.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <ostream>

#include "tenon/autograd/grad_mode.h"
#include "tenon/nn/any.h"
#include "tenon/nn/arg.h"
#include "tenon/ops/ops.h"

namespace tenon {

template class OrderedDict<std::string, Tensor>;
template class OrderedDict<std::string, std::shared_ptr<nn::Module>>;

void detail::fail_array_size(size_t expected, size_t actual) {
  fail<TensorError>("Expected ", expected, " values, but instead got ", actual);
}

namespace nn {
namespace {

std::string join_name(const std::string& prefix, const std::string& name) {
  return prefix.empty() ? name : prefix + "." + name;
}

void check_name(const char* kind, const std::string& name) {
  TENON_CHECK(!name.empty(), kind, " name must not be empty");
  TENON_CHECK(name.find('.') == std::string::npos, kind, " name must not contain a dot (got '", name, "')");
}

void insert_defined(OrderedDict<std::string, Tensor>& into, const OrderedDict<std::string, Tensor>& from,
                    const std::string& prefix) {
  for (const auto& item : from) {
    if (item->defined()) into.insert(join_name(prefix, item.key()), item.value());
  }
}

void copy_values(const char* kind, const OrderedDict<std::string, Tensor>& from, OrderedDict<std::string, Tensor>& into,
                 const optional<Device>& device) {
  TENON_CHECK(into.size() == from.size(), "clone: after reset() the copy has ", into.size(), " ", kind,
              "s, and the original has ", from.size(), "; register them in reset(), not in the constructor");
  for (const auto& item : from) {
    Tensor& copy = into[item.key()];
    if (!item->defined()) {
      copy.reset();
    } else {
      const Tensor value = device && item->device() != device->resolved() ? item->to(*device) : item->clone();
      if (copy.defined()) {
        copy.set_data(value);
      } else {
        copy = value;
      }
    }
  }
}

}  // namespace

std::string detail::type_name(const std::type_info& type) {
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> name(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), std::free);
  return status == 0 ? name.get() : type.name();
}

void detail::fail_other_class(const Module& expected) {
  tenon::detail::fail<TensorError>("clone: a submodule is of another class than the ", expected.name(),
                                   " that reset() registers in its place");
}

void detail::fail_empty_holder() { tenon::detail::fail<TensorError>("Accessing empty ModuleHolder"); }

Module::Module() = default;
Module::Module(std::string name) : name_(std::move(name)) {}
Module::Module(const Module&) = default;
Module& Module::operator=(const Module&) = default;
Module::Module(Module&&) noexcept = default;
Module& Module::operator=(Module&&) noexcept = default;
Module::~Module() = default;

const std::string& Module::name() const {
  if (!name_) name_ = detail::type_name(typeid(*this));
  return *name_;
}

std::shared_ptr<Module> Module::clone(const optional<Device>&) const {
  tenon::detail::fail<TensorError>("clone: ", name(), " cannot be cloned; it must be a subclass of nn::Cloneable<",
                                   name(), "> instead of nn::Module");
}

template <class Visit>
void Module::visit_below(const Visit& visit, const std::string& prefix) const {
  for (const auto& child : children_) {
    const std::string name = join_name(prefix, child.key());
    visit(name, child.value());
    child.value()->visit_below(visit, name);
  }
}

void Module::apply(const ModuleApplyFunction& function) {
  function(*this);
  visit_below([&](const std::string&, const std::shared_ptr<Module>& module) { function(*module); }, "");
}

void Module::apply(const ConstModuleApplyFunction& function) const {
  function(*this);
  visit_below([&](const std::string&, const std::shared_ptr<Module>& module) { function(*module); }, "");
}

void Module::apply(const NamedModuleApplyFunction& function, const std::string& name_prefix) {
  function(name_prefix, *this);
  visit_below([&](const std::string& name, const std::shared_ptr<Module>& module) { function(name, *module); },
              name_prefix);
}

void Module::apply(const ConstNamedModuleApplyFunction& function, const std::string& name_prefix) const {
  function(name_prefix, *this);
  visit_below([&](const std::string& name, const std::shared_ptr<Module>& module) { function(name, *module); },
              name_prefix);
}

void Module::apply(const ModulePointerApplyFunction& function) const {
  function(checked_self());
  visit_below([&](const std::string&, const std::shared_ptr<Module>& module) { function(module); }, "");
}

void Module::apply(const NamedModulePointerApplyFunction& function, const std::string& name_prefix) const {
  function(name_prefix, checked_self());
  visit_below(function, name_prefix);
}

OrderedDict<std::string, Tensor> Module::named_parameters(bool recurse) const {
  OrderedDict<std::string, Tensor> all("Parameter");
  insert_defined(all, parameters_, "");
  if (recurse) {
    visit_below([&](const std::string& name, const auto& module) { insert_defined(all, module->parameters_, name); },
                "");
  }
  return all;
}

OrderedDict<std::string, Tensor> Module::named_buffers(bool recurse) const {
  OrderedDict<std::string, Tensor> all("Buffer");
  insert_defined(all, buffers_, "");
  if (recurse) {
    visit_below([&](const std::string& name, const auto& module) { insert_defined(all, module->buffers_, name); }, "");
  }
  return all;
}

std::vector<Tensor> Module::parameters(bool recurse) const { return named_parameters(recurse).values(); }
std::vector<Tensor> Module::buffers(bool recurse) const { return named_buffers(recurse).values(); }

OrderedDict<std::string, std::shared_ptr<Module>> Module::named_modules(const std::string& name_prefix,
                                                                        bool include_self) const {
  OrderedDict<std::string, std::shared_ptr<Module>> all("Submodule");
  if (include_self) all.insert(name_prefix, checked_self());
  visit_below([&](const std::string& name, const auto& module) { all.insert(name, module); }, name_prefix);
  return all;
}

std::vector<std::shared_ptr<Module>> Module::modules(bool include_self) const {
  return named_modules("", include_self).values();
}

std::vector<std::shared_ptr<Module>> Module::children() const { return children_.values(); }
OrderedDict<std::string, std::shared_ptr<Module>> Module::named_children() const { return children_; }

void Module::train(bool on) {
  for (auto& child : children_) child.value()->train(on);
  is_training_ = on;
}

void Module::convert(const std::function<Tensor(const Tensor&)>& convert_one) {
  NoGradGuard no_grad;
  for (auto* members : {&parameters_, &buffers_}) {
    for (auto& item : *members) {
      if (!item->defined()) continue;
      const Tensor value = convert_one(item.value());
      Tensor grad = item->grad();
      if (grad.defined()) {
        item->mutable_grad().reset();
        grad = convert_one(grad);
      }
      item->set_data(value);
      if (grad.defined()) item->mutable_grad() = grad;
    }
  }
}

void Module::to(Device device, Dtype dtype, bool non_blocking) {
  for (auto& child : children_) child.value()->to(device, dtype, non_blocking);
  convert([&](const Tensor& t) {
    return is_differentiable(t.dtype()) ? t.to(device, dtype, non_blocking) : t.to(device, non_blocking);
  });
}

void Module::to(Dtype dtype, bool non_blocking) {
  for (auto& child : children_) child.value()->to(dtype, non_blocking);
  convert([&](const Tensor& t) { return is_differentiable(t.dtype()) ? t.to(dtype, non_blocking) : t; });
}

void Module::to(Device device, bool non_blocking) {
  for (auto& child : children_) child.value()->to(device, non_blocking);
  convert([&](const Tensor& t) { return t.to(device, non_blocking); });
}

void Module::zero_grad(bool set_to_none) {
  for (auto& child : children_) child.value()->zero_grad(set_to_none);
  for (auto& parameter : parameters_) {
    if (!parameter->defined() || !parameter->grad().defined()) continue;
    Tensor& grad = parameter->mutable_grad();
    if (set_to_none) {
      grad.reset();
    } else {
      grad = grad.detach();
      grad.zero_();
    }
  }
}

void Module::requires_grad_(bool requires_grad) {
  for (auto& parameter : parameters_) {
    if (parameter->defined()) parameter->requires_grad_(requires_grad);
  }
  for (auto& child : children_) child.value()->requires_grad_(requires_grad);
}

void Module::pretty_print(std::ostream& stream) const { stream << name(); }
void Module::materialize(const StateDict&, const std::string&) {}

Tensor& Module::register_parameter(std::string name, Tensor tensor, bool requires_grad) {
  check_name("Parameter", name);
  if (tensor.defined()) tensor.requires_grad_(requires_grad);
  return parameters_.insert(std::move(name), std::move(tensor));
}

Tensor& Module::register_buffer(std::string name, Tensor tensor, bool persistent) {
  check_name("Buffer", name);
  if (!persistent) non_persistent_.push_back(name);
  return buffers_.insert(std::move(name), std::move(tensor));
}

bool Module::is_persistent_buffer(const std::string& name) const {
  return std::find(non_persistent_.begin(), non_persistent_.end(), name) == non_persistent_.end();
}

void Module::insert_child(std::string name, std::shared_ptr<Module> module) {
  check_name("Submodule", name);
  TENON_CHECK(module, "register_module: the submodule '", name, "' is null");
  children_.insert(std::move(name), std::move(module));
}

void Module::unregister_module(const std::string& name) {
  TENON_CHECK(children_.contains(name), "No Module with name `", name, "` is registered");
  children_.erase(name);
}

unsigned int Module::_forward_num_required_args() {
  tenon::detail::fail<TensorError>(name(), " has default arguments of forward() without FORWARD_HAS_DEFAULT_ARGS");
}

std::vector<AnyValue> Module::_forward_populate_default_args(std::vector<AnyValue>&&) {
  tenon::detail::fail<TensorError>(name(), " has default arguments of forward() without FORWARD_HAS_DEFAULT_ARGS");
}

void Module::forget_members() {
  parameters_.clear();
  buffers_.clear();
  children_.clear();
  non_persistent_.clear();
  hooks_.reset();
}

void Module::copy_members(const Module& source, const optional<Device>& device) {
  NoGradGuard no_grad;
  if (source.hooks_) hooks_ = std::make_shared<detail::HookList>(*source.hooks_);
  if (source.is_edited_) copy_structure(source, device);
  copy_values("parameter", source.parameters_, parameters_, device);
  for (const auto& item : source.parameters_) {
    if (item->defined()) parameters_[item.key()].requires_grad_(item->requires_grad());
  }
  copy_values("buffer", source.buffers_, buffers_, device);
  TENON_CHECK(children_.size() == source.children_.size(), "clone: after reset() the copy has ", children_.size(),
              " submodules, and the original has ", source.children_.size(),
              "; register them in reset(), not in the constructor");
  for (const auto& child : source.children_) children_[child.key()]->clone_(*child.value(), device);
}

void Module::copy_structure(const Module& source, const optional<Device>& device) {
  is_edited_ = true;
  non_persistent_ = source.non_persistent_;
  for (auto [own, other] : {std::pair(&parameters_, &source.parameters_), std::pair(&buffers_, &source.buffers_)}) {
    OrderedDict<std::string, Tensor> members(own == &parameters_ ? "Parameter" : "Buffer");
    for (const auto& item : *other) {
      const Tensor* made = own->find(item.key());
      members.insert(item.key(), made ? *made : Tensor());
    }
    *own = std::move(members);
  }
  for (const auto& child : source.children_) {
    if (!children_.contains(child.key())) children_.insert(child.key(), child.value()->clone(device));
  }
}

void Module::clone_(Module& other, const optional<Device>& device) { other.clone(device); }

void CloneableModule::reset() {}

std::shared_ptr<Module> CloneableModule::clone(const optional<Device>& device) const {
  std::shared_ptr<Module> copy(copy_to(nullptr));
  copy->forget_members();
  Generator& generator = default_generator();
  const std::vector<uint8_t> random_state = generator.get_state();
  static_cast<CloneableModule&>(*copy).reset();
  generator.set_state(random_state);
  copy->copy_members(*this, device);
  return copy;
}

void CloneableModule::clone_(Module& other, const optional<Device>& device) {
  const std::shared_ptr<Module> copy = other.clone(device);
  if (typeid(*copy) != typeid(*this)) detail::fail_other_class(*this);
  static_cast<const CloneableModule&>(*copy).copy_to(this);
}

void Module::print(std::ostream& out, const std::string& indentation) const {
  pretty_print(out);
  if (children_.is_empty()) return;
  out << "(\n";
  const std::string deeper = indentation + "  ";
  for (const auto& child : children_) {
    out << deeper << "(" << child.key() << "): ";
    child.value()->print(out, deeper);
    out << '\n';
  }
  out << indentation << ")";
}

std::ostream& operator<<(std::ostream& out, const Module& module) {
  module.print(out, "");
  return out;
}

std::shared_ptr<Module> Module::checked_self() const {
  std::shared_ptr<const Module> self = weak_from_this().lock();
  TENON_CHECK(self, "modules: ", name(),
              " is not held by a std::shared_ptr, which this call gives for it; make it by std::make_shared, or leave "
              "it out by include_self=false");
  return std::const_pointer_cast<Module>(self);
}

}  // namespace nn
}  // namespace tenon
