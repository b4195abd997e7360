// Hooks of modules; see hooks.h.
#include "tenon/nn/hooks.h"

#include <algorithm>
#include <atomic>

#include "base/log.h"
#include "nn/hook_list.h"
#include "tenon/autograd/function.h"
#include "tenon/nn/module.h"
#include "tenon/nn/state_dict.h"

namespace tenon::nn {

using detail::HookKind;
using detail::HookList;

std::atomic<bool> detail::any_global_hooks = false;

namespace {

const std::shared_ptr<HookList>& global_hooks() {
  static const auto hooks = std::make_shared<HookList>();
  return hooks;
}

RemovableHandle add(const std::shared_ptr<HookList>& list, HookKind kind, std::shared_ptr<void> function,
                    bool prepend = false, bool always_call = false) {
  static std::atomic<int64_t> next_id{0};
  const int64_t id = next_id++;
  list->entries.insert(prepend ? list->entries.begin() : list->entries.end(),
                       {kind, always_call, id, std::move(function)});
  return RemovableHandle(list, id);
}

template <class Hook>
RemovableHandle add_global(HookKind kind, Hook hook, bool always_call = false) {
  detail::any_global_hooks = true;
  return add(global_hooks(), kind, std::make_shared<Hook>(std::move(hook)), false, always_call);
}

std::vector<Tensor> values_at(const detail::TensorPointers& pointers) {
  std::vector<Tensor> values;
  for (const Tensor* tensor : pointers) values.push_back(*tensor);
  return values;
}

void write_back(const std::vector<Tensor>& values, const detail::TensorPointers& pointers, const char* what) {
  TENON_CHECK(values.size() == pointers.size(), what, " hook: there are ", pointers.size(), " tensors, but it left ",
              values.size());
  for (size_t i = 0; i < values.size(); ++i) *pointers[i] = values[i];
}

// The tensors that want gradients as they leave a node whose backward is `backward`, which maps the gradients of all.
std::vector<Tensor> through_node(std::vector<Tensor> tensors,
                                 std::function<std::vector<Tensor>(std::vector<Tensor>)> backward) {
  std::vector<Tensor> recorded;
  std::vector<size_t> places;
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (!tensors[i].defined() || !tensors[i].requires_grad()) continue;
    recorded.push_back(tensors[i]);
    places.push_back(i);
  }
  const size_t count = tensors.size();
  auto spread = [places, count, backward = std::move(backward)](autograd::AutogradContext*,
                                                                autograd::variable_list grads) {
    std::vector<Tensor> all(count);
    for (size_t i = 0; i < places.size(); ++i) all[places[i]] = grads[i];
    all = backward(std::move(all));
    TENON_CHECK(all.size() == count, "backward hook: there are ", count, " gradients, but it left ", all.size());
    for (size_t i = 0; i < places.size(); ++i) grads[i] = all[places[i]];
    return grads;
  };
  const std::vector<Tensor> passed = autograd::detail::apply_function(
      "BackwardHookFunction", recorded, [&](autograd::AutogradContext*) { return recorded; }, std::move(spread));
  for (size_t i = 0; i < places.size(); ++i) tensors[places[i]] = passed[i];
  return tensors;
}

bool any_wants_gradient(const std::vector<Tensor>& tensors) {
  return GradMode::is_enabled() && std::any_of(tensors.begin(), tensors.end(), [](const Tensor& tensor) {
           return tensor.defined() && tensor.requires_grad();
         });
}

}  // namespace

void RemovableHandle::remove() {
  if (const auto list = list_.lock()) std::erase_if(list->entries, [&](const auto& entry) { return entry.id == id_; });
  detail::any_global_hooks = !global_hooks()->entries.empty();
}

RemovableHandle register_module_forward_pre_hook(ForwardPreHook hook) {
  return add_global(HookKind::ForwardPre, std::move(hook));
}
RemovableHandle register_module_forward_hook(ForwardHook hook, bool always_call) {
  return add_global(HookKind::Forward, std::move(hook), always_call);
}
RemovableHandle register_module_full_backward_pre_hook(FullBackwardPreHook hook) {
  return add_global(HookKind::FullBackwardPre, std::move(hook));
}
RemovableHandle register_module_full_backward_hook(FullBackwardHook hook) {
  return add_global(HookKind::FullBackward, std::move(hook));
}

RemovableHandle Module::add_hook(HookKind kind, std::shared_ptr<void> function, bool prepend, bool always_call) {
  if (!hooks_) hooks_ = std::make_shared<HookList>();
  return add(hooks_, kind, std::move(function), prepend, always_call);
}

#define TENON_HOOK(name, Kind, Hook)                                                          \
  RemovableHandle Module::register_##name(Hook hook, bool prepend) {                          \
    return add_hook(HookKind::Kind, std::make_shared<Hook>(std::move(hook)), prepend, false); \
  }
TENON_HOOK(forward_pre_hook, ForwardPre, ForwardPreHook)
TENON_HOOK(full_backward_pre_hook, FullBackwardPre, FullBackwardPreHook)
TENON_HOOK(full_backward_hook, FullBackward, FullBackwardHook)
TENON_HOOK(state_dict_pre_hook, StateDictPre, StateDictPreHook)
TENON_HOOK(state_dict_post_hook, StateDictPost, StateDictPostHook)
TENON_HOOK(load_state_dict_pre_hook, LoadPre, LoadStateDictPreHook)
TENON_HOOK(load_state_dict_post_hook, LoadPost, LoadStateDictPostHook)
#undef TENON_HOOK

RemovableHandle Module::register_forward_hook(ForwardHook hook, bool prepend, bool always_call) {
  return add_hook(HookKind::Forward, std::make_shared<ForwardHook>(std::move(hook)), prepend, always_call);
}

// --- calls

// What the two nodes of a call share: that of the outputs comes first in backward.
struct detail::HookedCall::Backward : std::enable_shared_from_this<Backward> {
  std::shared_ptr<Module> module;
  std::vector<HookList::Entry> hooks;
  std::vector<Tensor> grad_outputs;
  size_t input_count = 0;
  bool inputs_are_hooked = false;

  std::vector<Tensor> enter(std::vector<Tensor> grads) {
    for_hooks<FullBackwardPreHook>(hooks, HookKind::FullBackwardPre, [&](auto& hook, auto&) { hook(*module, grads); });
    grad_outputs = grads;
    if (!inputs_are_hooked) leave(std::vector<Tensor>(input_count));
    return grads;
  }
  std::vector<Tensor> leave(std::vector<Tensor> grads) {
    for_hooks<FullBackwardHook>(hooks, HookKind::FullBackward,
                                [&](auto& hook, auto&) { hook(*module, grads, grad_outputs); });
    grad_outputs.clear();
    return grads;
  }
};

detail::HookedCall::HookedCall(Module& module) : module_(module), hooks_(global_hooks()->entries) {
  if (module.hooks_) hooks_.insert(hooks_.end(), module.hooks_->entries.begin(), module.hooks_->entries.end());
}

detail::HookedCall::~HookedCall() {
  if (finished_) return;
  try {
    std::vector<Tensor> none;
    call_forward_hooks(none, true);
  } catch (const std::exception& error) {
    log(LogLevel::Warning, "a forward hook that is always called raised an error too: ", error.what());
  } catch (...) {
    log(LogLevel::Warning, "a forward hook that is always called raised an error too");
  }
}

void detail::HookedCall::before(const TensorPointers& inputs) {
  inputs_ = values_at(inputs);
  for_hooks<ForwardPreHook>(hooks_, HookKind::ForwardPre, [&](auto& hook, auto&) { hook(module_, inputs_); });
  std::vector<HookList::Entry> of_backward;
  for (const HookList::Entry& entry : hooks_) {
    if (entry.kind == HookKind::FullBackwardPre || entry.kind == HookKind::FullBackward) of_backward.push_back(entry);
  }
  if (!of_backward.empty()) {
    backward_ = std::make_shared<Backward>();
    backward_->module = module_.shared_from_this();
    backward_->hooks = std::move(of_backward);
    backward_->input_count = inputs_.size();
    backward_->inputs_are_hooked = any_wants_gradient(inputs_);
    if (backward_->inputs_are_hooked) {
      inputs_ = through_node(inputs_, [own = backward_](auto grads) { return own->leave(std::move(grads)); });
    }
  }
  write_back(inputs_, inputs, "forward pre-");
}

void detail::HookedCall::after(const TensorPointers& outputs) {
  std::vector<Tensor> values = values_at(outputs);
  call_forward_hooks(values, false);
  if (backward_ && any_wants_gradient(values)) {
    values = through_node(values, [own = backward_](auto grads) { return own->enter(std::move(grads)); });
  }
  write_back(values, outputs, "forward");
  finished_ = true;
}

void detail::HookedCall::call_forward_hooks(std::vector<Tensor>& outputs, bool failed) {
  for_hooks<ForwardHook>(hooks_, HookKind::Forward, [&](auto& hook, auto& entry) {
    const bool called = std::find(called_.begin(), called_.end(), entry.id) != called_.end();
    if (called || (failed && !entry.always_call)) return;
    called_.push_back(entry.id);
    hook(module_, inputs_, outputs);
  });
}

}  // namespace tenon::nn
