// See hooks.h.
#include "hooks.h"

#include "autograd/meta.h"
#include "methods.h"
#include "tenon/autograd/autograd.h"

namespace tenon::python {
namespace {

// The functions that C++ holds; their types tell Python's hooks from others.
struct TensorHookObject {
  SharedObject hook;

  Tensor operator()(const Tensor& grad) const {
    nb::gil_scoped_acquire gil;
    nb::object result = nb::borrow(hook.get())(grad);
    if (result.is_none()) return Tensor();
    TENON_CHECK_TYPE(is_tensor(result.ptr()),
                     "register_hook: expected the hook to return a Tensor or None, but it returned ",
                     Py_TYPE(result.ptr())->tp_name);
    return unwrap(result.ptr());
  }
};

struct LeafHookObject {
  SharedObject hook;

  void operator()(const Tensor& leaf) const {
    nb::gil_scoped_acquire gil;
    nb::borrow(hook.get())(leaf);
  }
};

uint64_t register_hook(const Tensor& self, nb::object hook) {
  return self.register_hook(TensorHookObject{SharedObject(std::move(hook))});
}

uint64_t register_post_accumulate_grad_hook(const Tensor& self, nb::object hook) {
  return autograd::register_post_accumulate_grad_hook(self, LeafHookObject{SharedObject(std::move(hook))});
}

// What the tensor has of its own; null where another owner would keep hooks alive.
AutogradMeta::Rare* rare_parts(const Tensor& tensor) {
  AutogradMeta* meta = tensor.impl()->autograd.get();
  return meta && meta->rare && tensor.impl()->use_count() == 1 ? meta->rare.get() : nullptr;
}

// Whether the node lives through this tensor alone.
bool owns_node(const AutogradMeta::Rare& rare, const AutogradMeta& meta, const Node* node) {
  uint32_t own = meta.grad_fn.get() == node;
  for (const auto& entry : rare.node_hooks) own += entry.node.get() == node;
  return node->use_count() == own;
}

}  // namespace

int visit_hooks(const Tensor& tensor, visitproc visit, void* arg) {
  const AutogradMeta::Rare* rare = rare_parts(tensor);
  if (!rare) return 0;
  for (const auto& [id, hook] : rare->hooks) {
    if (const auto* held = hook.target<TensorHookObject>()) Py_VISIT(held->hook.get().ptr());
  }
  for (const auto& [id, hook] : rare->post_accumulate_hooks) {
    if (const auto* held = hook.target<LeafHookObject>()) Py_VISIT(held->hook.get().ptr());
  }
  for (const auto& entry : rare->node_hooks) {
    const auto* held = entry.hook.target<TensorHookObject>();
    if (held && owns_node(*rare, *tensor.impl()->autograd, entry.node.get())) Py_VISIT(held->hook.get().ptr());
  }
  return 0;
}

void clear_hooks(const Tensor& tensor) {
  AutogradMeta::Rare* rare = rare_parts(tensor);
  if (!rare) return;
  // What a hook refers to may run code when it dies, so the lists are emptied before.
  const auto hooks = std::move(rare->hooks);
  const auto leaf_hooks = std::move(rare->post_accumulate_hooks);
  const auto node_hooks = std::move(rare->node_hooks);
  rare->hooks.clear();
  rare->post_accumulate_hooks.clear();
  rare->node_hooks.clear();
  for (const auto& entry : node_hooks) entry.node->remove_hook(entry.id);
}

void add_hook_methods() {
  add_method("_register_hook", register_hook, nb::arg("hook"));
  add_method("_register_post_accumulate_grad_hook", register_post_accumulate_grad_hook, nb::arg("hook"));
  add_method("_remove_hook", [](const Tensor& self, uint64_t id) { self.remove_hook(id); }, nb::arg("id"));
}

}  // namespace tenon::python
