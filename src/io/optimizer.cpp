// Optimizers saved into archives, laid out as libtorch's, and loaded from them; see optim/optimizer.h.
#include "tenon/optim/optimizer.h"

#include "tenon/io/serialize.h"
#include "tenon/ops/ops.h"

namespace tenon::optim {

namespace {

void write_values(serialize::OutputArchive& archive, const std::string& key, const NamedValues& values) {
  serialize::OutputArchive nested;
  for (const auto& [name, value] : values) {
    if (!value.isTensor() || value.toTensor().defined()) nested.write(name, value);
  }
  archive.write(key, nested);
}

NamedValues read_values(serialize::InputArchive& archive, const std::string& key) {
  serialize::InputArchive nested;
  archive.read(key, nested);
  NamedValues values;
  for (const std::string& name : nested.keys()) {
    IValue value;
    nested.read(name, value);
    if (value.isDoubleVector()) {
      // A pair of numbers as libtorch writes it; its parts have names of their own here.
      const std::vector<double>& parts = value.toDoubleVector();
      for (size_t i = 0; i < parts.size(); ++i) values.emplace_back(name + '.' + std::to_string(i), parts[i]);
    } else {
      values.emplace_back(name, std::move(value));
    }
  }
  return values;
}

void write_count(serialize::OutputArchive& archive, const std::string& key, size_t count) {
  archive.write(key, full({}, static_cast<int64_t>(count), kLong));
}

void expect_count(serialize::InputArchive& archive, const std::string& key, size_t count) {
  Tensor saved;
  archive.read(key, saved);
  const auto found = saved.item<int64_t>();
  TENON_CHECK_VALUE(found == static_cast<int64_t>(count), "load: ", key, " is ", found,
                    " in the archive, but in the optimizer ", count);
}

}  // namespace

void Optimizer::save(serialize::OutputArchive& archive) const {
  serialize::OutputArchive groups, states;
  write_count(groups, "param_groups/size", param_groups_.size());
  size_t position = 0;
  for (size_t i = 0; i < param_groups_.size(); ++i) {
    const std::vector<Tensor>& params = param_groups_[i].params();
    serialize::OutputArchive group;
    write_count(group, "params/size", params.size());
    for (size_t j = 0; j < params.size(); ++j) {
      const std::string key = std::to_string(position++);
      group.write("params/" + std::to_string(j), IValue(key));
      const auto state = state_.find(params[j].impl());
      if (state != state_.end()) write_values(states, key, state->second->values());
    }
    write_values(group, "options", param_groups_[i].options().values());
    groups.write("param_groups/" + std::to_string(i), group);
  }
  archive.write("state", states);
  archive.write("param_groups", groups);
}

void Optimizer::load(serialize::InputArchive& archive) {
  serialize::InputArchive groups, states, group;
  archive.read("param_groups", groups);
  archive.read("state", states);
  expect_count(groups, "param_groups/size", param_groups_.size());
  States loaded;
  std::vector<std::unique_ptr<OptimizerOptions>> options;
  for (size_t i = 0; i < param_groups_.size(); ++i) {
    const std::vector<Tensor>& params = param_groups_[i].params();
    groups.read("param_groups/" + std::to_string(i), group);
    expect_count(group, "params/size", params.size());
    options.push_back(param_groups_[i].options().clone());
    options.back()->set_values(read_values(group, "options"));
    for (size_t j = 0; j < params.size(); ++j) {
      IValue key;
      group.read("params/" + std::to_string(j), key);
      serialize::InputArchive saved;
      if (!states.try_read(key.toStringRef(), saved)) continue;
      std::unique_ptr<OptimizerParamState> state = make_state();
      state->set_values(read_values(states, key.toStringRef()));
      loaded[params[j].impl()] = std::move(state);
    }
  }
  TENON_CHECK_VALUE(loaded.size() == states.keys().size(), "load: the archive has states of ", states.keys().size(),
                    " parameters, of which ", loaded.size(), " are parameters of the optimizer");
  for (size_t i = 0; i < options.size(); ++i) param_groups_[i].set_options(std::move(options[i]));
  state_ = std::move(loaded);
}

}  // namespace tenon::optim
