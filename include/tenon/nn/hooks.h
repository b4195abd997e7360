// Hooks of modules: functions that are called around forward() and backward, and when states are saved and loaded.
// What they may change they take by a reference that is not const.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "tenon/nn/ordered_dict.h"
#include "tenon/tensor/tensor.h"

namespace tenon {
extern template class TENON_API OrderedDict<std::string, Tensor>;

namespace nn {

class Module;
struct LoadReport;
using StateDict = OrderedDict<std::string, Tensor>;

// Inputs and outputs are the tensors among the arguments and in the result. Forward hooks are called where a module is
// called as a holder, module(x), or by a container, and not by module->forward(x).
using ForwardPreHook = std::function<void(Module&, std::vector<Tensor>& inputs)>;
using ForwardHook = std::function<void(Module&, const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs)>;
// Gradients of inputs and outputs that want none are undefined.
using FullBackwardPreHook = std::function<void(Module&, std::vector<Tensor>& grad_outputs)>;
using FullBackwardHook =
    std::function<void(Module&, std::vector<Tensor>& grad_inputs, const std::vector<Tensor>& grad_outputs)>;
using StateDictPreHook = std::function<void(const Module&, const std::string& prefix)>;
// `state` has all keys so far; those of this module and below it begin with `prefix`.
using StateDictPostHook = std::function<void(const Module&, StateDict& state, const std::string& prefix)>;
using LoadStateDictPreHook = std::function<void(Module&, StateDict& state, const std::string& prefix)>;
using LoadStateDictPostHook = std::function<void(Module&, LoadReport& report)>;

namespace detail {
enum class HookKind : uint8_t {
  ForwardPre,
  Forward,
  FullBackwardPre,
  FullBackward,
  StateDictPre,
  StateDictPost,
  LoadPre,
  LoadPost
};

// The hooks of one module, or those of all, each kind in its order.
struct HookList {
  struct Entry {
    HookKind kind;
    bool always_call;
    int64_t id;
    std::shared_ptr<void> function;
  };
  std::vector<Entry> entries;
};
}  // namespace detail

// Takes a hook away again.
class TENON_API RemovableHandle {
 public:
  RemovableHandle(std::weak_ptr<detail::HookList> list, int64_t id) : list_(std::move(list)), id_(id) {}
  void remove();

 private:
  std::weak_ptr<detail::HookList> list_;
  int64_t id_;
};

// Hooks of all modules, which are called before a module's own.
TENON_API RemovableHandle register_module_forward_pre_hook(ForwardPreHook hook);
TENON_API RemovableHandle register_module_forward_hook(ForwardHook hook, bool always_call = false);
TENON_API RemovableHandle register_module_full_backward_pre_hook(FullBackwardPreHook hook);
TENON_API RemovableHandle register_module_full_backward_hook(FullBackwardHook hook);

namespace detail {

// Whether there are hooks of all modules.
TENON_API extern std::atomic<bool> any_global_hooks;

using TensorPointers = std::vector<Tensor*>;

// One call of a module that has hooks. If it ends without after(), forward() has failed.
class TENON_API HookedCall {
 public:
  explicit HookedCall(Module& module);
  ~HookedCall();
  HookedCall(const HookedCall&) = delete;
  void before(const TensorPointers& inputs);
  void after(const TensorPointers& outputs);

 private:
  struct Backward;
  void call_forward_hooks(std::vector<Tensor>& outputs, bool failed);

  Module& module_;
  std::vector<HookList::Entry> hooks_;
  std::vector<Tensor> inputs_;
  std::vector<int64_t> called_;
  std::shared_ptr<Backward> backward_;
  bool finished_ = false;
};

inline void add_tensors(TensorPointers& all, Tensor& tensor) { all.push_back(&tensor); }
inline void add_tensors(TensorPointers& all, std::vector<Tensor>& tensors) {
  for (Tensor& tensor : tensors) all.push_back(&tensor);
}
template <class... Parts>
void add_tensors(TensorPointers& all, std::tuple<Parts...>& parts) {
  std::apply([&](Parts&... part) { (add_tensors(all, part), ...); }, parts);
}
template <class T>
void add_tensors(TensorPointers&, T&) {}

// Tensors are kept, for hooks to change them; all else is passed on as it came.
template <class Arg>
using Kept = std::conditional_t<std::is_same_v<std::remove_cvref_t<Arg>, Tensor>, Tensor, Arg&&>;

template <class Result, class M, class... Args>
[[gnu::noinline]] Result call_with_hooks(M& module, Args&&... args) {
  HookedCall call(module);
  std::tuple<Kept<Args>...> kept(std::forward<Args>(args)...);
  TensorPointers inputs;
  const auto add_input = [&](auto& each) {
    if constexpr (std::is_same_v<decltype(each), Tensor&>) inputs.push_back(&each);
  };
  std::apply([&](auto&... each) { (add_input(each), ...); }, kept);
  call.before(inputs);
  const auto forward = [&]() -> Result {
    return std::apply([&](auto&... each) -> Result { return module.forward(static_cast<Args&&>(each)...); }, kept);
  };
  if constexpr (std::is_void_v<Result>) {
    forward();
    call.after({});
  } else {
    Result result = forward();
    TensorPointers outputs;
    add_tensors(outputs, result);
    call.after(outputs);
    return result;
  }
}

}  // namespace detail
}  // namespace nn
}  // namespace tenon
