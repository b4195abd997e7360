// State dicts; see state_dict.h.
#include "tenon/nn/state_dict.h"

#include "tenon/autograd/grad_mode.h"
#include "tenon/ops/ops.h"

namespace tenon::nn {
namespace {

// `kind` keys in quotation marks, or nothing if there are none.
std::string quoted_list(const char* kind, const std::vector<std::string>& keys) {
  if (keys.empty()) return "";
  std::string text = concat("\n\t", kind, " key(s) in state_dict: ");
  for (size_t i = 0; i < keys.size(); ++i) text += concat(i ? ", " : "", '"', keys[i], '"');
  return text + ". ";
}

}  // namespace

StateDict state_dict(const Module& module) {
  StateDict state;
  auto collect = [&](const std::string& prefix, const Module& part) {
    for (const auto& members : {part.named_parameters(false), part.named_buffers(false)}) {
      for (const auto& item : members) {
        state.insert(prefix.empty() ? item.key() : prefix + "." + item.key(), item->detach());
      }
    }
  };
  module.apply(Module::ConstNamedModuleApplyFunction(collect));
  return state;
}

LoadReport load_state_dict(Module& module, const StateDict& state, bool strict) {
  const StateDict own = state_dict(module);
  LoadReport report;
  for (const auto& item : own) {
    const Tensor* value = state.find(item.key());
    if (!value) {
      report.missing_keys.push_back(item.key());
    } else if (!value->defined() || value->sizes() != item->sizes()) {
      report.mismatches.push_back(
          value->defined() ? concat("size mismatch for ", item.key(), ": copying a param with shape ", value->sizes(),
                                    " from checkpoint, the shape in current model is ", item->sizes(), ".")
                           : concat("undefined tensor for ", item.key(), "."));
    }
  }
  for (const auto& item : state) {
    if (!own.contains(item.key())) report.unexpected_keys.push_back(item.key());
  }
  if (!report.mismatches.empty() || (strict && !report.ok())) {
    std::string text;
    if (strict) text = quoted_list("Unexpected", report.unexpected_keys) + quoted_list("Missing", report.missing_keys);
    for (const std::string& mismatch : report.mismatches) text += "\n\t" + mismatch;
    tenon::detail::fail<TensorError>("Error(s) in loading state_dict for ", module.name(), ":", text);
  }
  NoGradGuard no_grad;
  for (const auto& item : own) {
    if (const Tensor* value = state.find(item.key())) item->copy_(*value);
  }
  return report;
}

}  // namespace tenon::nn
