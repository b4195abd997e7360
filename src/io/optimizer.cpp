// Optimizers saved into archives and loaded from them; see optim/optimizer.h.
#include "tenon/optim/optimizer.h"

#include "tenon/io/serialize.h"

namespace tenon::optim {

namespace {

void write_values(serialize::OutputArchive& archive, const std::string& key, const NamedValues& values) {
  serialize::OutputArchive nested;
  for (const auto& [name, value] : values) nested.write(name, value);
  archive.write(key, nested);
}

NamedValues read_values(serialize::InputArchive& archive) {
  NamedValues values;
  for (const std::string& name : archive.keys()) {
    IValue value;
    archive.read(name, value);
    values.emplace_back(name, std::move(value));
  }
  return values;
}

}  // namespace

void Optimizer::save(serialize::OutputArchive& archive) const {
  serialize::OutputArchive groups, states;
  size_t position = 0;
  for (size_t i = 0; i < param_groups_.size(); ++i) {
    const OptimizerParamGroup& group = param_groups_[i];
    write_values(groups, std::to_string(i), group.options().values());
    for (const Tensor& param : group.params()) {
      const auto state = state_.find(param.impl());
      if (state != state_.end()) write_values(states, std::to_string(position), state->second->values());
      ++position;
    }
  }
  archive.write("param_groups", groups);
  archive.write("state", states);
}

void Optimizer::load(serialize::InputArchive& archive) {
  serialize::InputArchive groups, states, entry;
  archive.read("param_groups", groups);
  archive.read("state", states);
  TENON_CHECK_VALUE(groups.keys().size() == param_groups_.size(), "load: the optimizer has ", param_groups_.size(),
                    " parameter groups, but the archive has ", groups.keys().size());
  States loaded;
  std::vector<std::unique_ptr<OptimizerOptions>> options;
  size_t position = 0;
  for (size_t i = 0; i < param_groups_.size(); ++i) {
    groups.read(std::to_string(i), entry);
    options.push_back(param_groups_[i].options().clone());
    options.back()->set_values(read_values(entry));
    for (const Tensor& param : param_groups_[i].params()) {
      if (states.try_read(std::to_string(position++), entry)) {
        std::unique_ptr<OptimizerParamState> state = make_state();
        state->set_values(read_values(entry));
        loaded[param.impl()] = std::move(state);
      }
    }
  }
  TENON_CHECK_VALUE(loaded.size() == states.keys().size(), "load: the archive has states of ", states.keys().size(),
                    " parameters, of which ", loaded.size(), " are parameters of the optimizer");
  for (size_t i = 0; i < options.size(); ++i) param_groups_[i].set_options(std::move(options[i]));
  state_ = std::move(loaded);
}

}  // namespace tenon::optim
