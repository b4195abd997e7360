// State dicts; see state_dict.h.
#include "tenon/nn/state_dict.h"

#include <unordered_set>

#include "base/generator_guard.h"
#include "nn/hook_list.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/ops/ops.h"

namespace tenon::nn {

using detail::HookKind;
using detail::HookList;

namespace {

// `kind` keys in quotation marks, or nothing if there are none.
std::string quoted_list(const char* kind, const std::vector<std::string>& keys) {
  if (keys.empty()) return "";
  std::string text = concat("\n\t", kind, " key(s) in state_dict: ");
  for (size_t i = 0; i < keys.size(); ++i) text += concat(i ? ", " : "", '"', keys[i], '"');
  return text + ". ";
}

struct Member {
  std::string name;
  Tensor value;
};

// Of a module alone, what its state_dict() has.
std::vector<Member> own_members(const Module& module) {
  std::vector<Member> members;
  for (const auto& item : module.named_parameters(false)) members.push_back({item.key(), item.value()});
  for (const auto& item : module.named_buffers(false)) {
    if (module.is_persistent_buffer(item.key())) members.push_back({item.key(), item.value()});
  }
  return members;
}

}  // namespace

StateDict state_dict(const Module& module) {
  StateDict state;
  auto collect = [&](const auto& self, const Module& part, const std::string& prefix) -> void {
    const auto hooks = part.hooks_ ? part.hooks_->entries : std::vector<HookList::Entry>();
    for_hooks<StateDictPreHook>(hooks, HookKind::StateDictPre, [&](auto& hook, auto&) { hook(part, prefix); });
    for (const Member& member : own_members(part)) state.insert(prefix + member.name, member.value.detach());
    for (const auto& child : part.children_) self(self, *child.value(), prefix + child.key() + ".");
    for_hooks<StateDictPostHook>(hooks, HookKind::StateDictPost, [&](auto& hook, auto&) { hook(part, state, prefix); });
  };
  collect(collect, module, "");
  return state;
}

LoadReport load_state_dict(Module& module, StateDict state, bool strict, bool assign) {
  std::vector<Member> own;
  std::vector<Module*> parts;
  auto prepare = [&](const auto& self, Module& part, const std::string& prefix) -> void {
    if (part.hooks_) {
      for_hooks<LoadStateDictPreHook>(std::vector(part.hooks_->entries), HookKind::LoadPre,
                                      [&](auto& hook, auto&) { hook(part, state, prefix); });
    }
    part.materialize(state, prefix);
    for (Member& member : own_members(part)) own.push_back({prefix + member.name, std::move(member.value)});
    for (const auto& child : part.children_) self(self, *child.value(), prefix + child.key() + ".");
    parts.push_back(&part);
  };
  // Parameters that are made for what is loaded draw no random numbers.
  {
    Generator unused;
    const GeneratorGuard guard(unused);
    prepare(prepare, module, "");
  }
  LoadReport report;
  std::unordered_set<std::string> known;
  for (const Member& item : own) {
    const Tensor* value = state.find(item.name);
    known.insert(item.name);
    if (!value) {
      report.missing_keys.push_back(item.name);
    } else if (!value->defined() || value->sizes() != item.value.sizes()) {
      report.mismatches.push_back(
          value->defined() ? concat("size mismatch for ", item.name, ": copying a param with shape ", value->sizes(),
                                    " from checkpoint, the shape in current model is ", item.value.sizes(), ".")
                           : concat("undefined tensor for ", item.name, "."));
    }
  }
  for (const auto& item : state) {
    if (!known.contains(item.key())) report.unexpected_keys.push_back(item.key());
  }
  if (report.mismatches.empty()) {
    for (Module* part : parts) {
      if (!part->hooks_) continue;
      for_hooks<LoadStateDictPostHook>(std::vector(part->hooks_->entries), HookKind::LoadPost,
                                       [&](auto& hook, auto&) { hook(*part, report); });
    }
  }
  if (!report.mismatches.empty() || (strict && !report.ok())) {
    std::string text;
    if (strict) text = quoted_list("Unexpected", report.unexpected_keys) + quoted_list("Missing", report.missing_keys);
    for (const std::string& mismatch : report.mismatches) text += "\n\t" + mismatch;
    tenon::detail::fail<TensorError>("Error(s) in loading state_dict for ", module.name(), ":", text);
  }
  NoGradGuard no_grad;
  for (const Member& item : own) {
    const Tensor* value = state.find(item.name);
    if (!value) continue;
    if (assign) {
      item.value.set_data(value->detach());
    } else {
      item.value.copy_(*value);
    }
  }
  return report;
}

}  // namespace tenon::nn
