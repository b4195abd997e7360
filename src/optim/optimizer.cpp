// See optimizer.h.
#include "tenon/optim/optimizer.h"

#include <sstream>
#include <unordered_set>

#include "tenon/base/grad_mode.h"

namespace tenon::optim {

const IValue* detail::find_value(const NamedValues& values, const std::string& name) {
  for (const auto& [key, value] : values) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::vector<std::string> detail::split_names(const char* fields) {
  std::vector<std::string> names;
  std::istringstream stream(fields);
  for (std::string name; stream >> name;) names.push_back(name.substr(0, name.rfind('_')));
  return names;
}

std::unique_ptr<OptimizerParamState> Optimizer::make_state() const {
  tenon::detail::fail<NotImplementedError>("load: this optimizer has no states to be loaded");
}

OptimizerOptions& OptimizerParamGroup::options() {
  TENON_CHECK(options_ != nullptr, "options: the parameter group has no options of its own");
  return *options_;
}

const OptimizerOptions& OptimizerParamGroup::options() const {
  TENON_CHECK(options_ != nullptr, "options: the parameter group has no options of its own");
  return *options_;
}

Optimizer::Optimizer(const std::vector<OptimizerParamGroup>& param_groups, std::unique_ptr<OptimizerOptions> defaults)
    : defaults_(std::move(defaults)) {
  for (const OptimizerParamGroup& group : param_groups) add_param_group(group);
}

void Optimizer::add_param_group(const OptimizerParamGroup& param_group) {
  std::unordered_set<const TensorImpl*> seen;
  for (const OptimizerParamGroup& group : param_groups_) {
    for (const Tensor& param : group.params()) seen.insert(param.impl());
  }
  for (const Tensor& param : param_group.params()) {
    TENON_CHECK_VALUE(param.is_leaf(), "add_param_group: can't optimize a non-leaf Tensor");
    TENON_CHECK_VALUE(!seen.contains(param.impl()),
                      "add_param_group: some parameters appear in more than one parameter group");
  }
  OptimizerParamGroup own(param_group.params());
  if (param_group.has_options()) {
    own.set_options(param_group.options().clone());
    own.options().inherit(*defaults_);
  } else {
    own.set_options(defaults_->clone());
  }
  param_groups_.push_back(std::move(own));
}

void Optimizer::add_parameters(const std::vector<Tensor>& parameters) {
  TENON_CHECK(!param_groups_.empty(), "add_parameters: the optimizer has no parameter group");
  std::vector<Tensor>& own = param_groups_[0].params();
  own.insert(own.end(), parameters.begin(), parameters.end());
}

size_t Optimizer::size() const noexcept {
  size_t count = 0;
  for (const OptimizerParamGroup& group : param_groups_) count += group.params().size();
  return count;
}

void Optimizer::zero_grad(bool set_to_none) {
  for (OptimizerParamGroup& group : param_groups_) {
    for (Tensor& param : group.params()) {
      Tensor& grad = param.mutable_grad();
      if (!grad.defined()) continue;
      if (set_to_none) {
        grad.reset();
      } else {
        grad.detach_();
        grad.zero_();
      }
    }
  }
}

Tensor Optimizer::evaluated(const LossClosure& closure) {
  if (!closure) return {};
  AutoGradMode recorded(true);
  return closure();
}

}  // namespace tenon::optim
