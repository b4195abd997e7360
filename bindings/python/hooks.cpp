// See hooks.h.
#include "hooks.h"

#include "autograd/meta.h"
#include "tenon/autograd/autograd.h"
#include "tensor_type.h"

namespace tenon::python {
namespace {

struct GradientHook {
  SharedObject function;

  Tensor operator()(const Tensor& grad) const {
    nb::gil_scoped_acquire gil;
    nb::object result = nb::borrow(function.get())(grad);
    if (result.is_none()) return Tensor();
    TENON_CHECK_TYPE(is_tensor(result.ptr()),
                     "register_hook: expected the hook to return a Tensor or None, but it returned ",
                     type_name(result.ptr()));
    return unwrap(result.ptr());
  }
};

struct LeafHook {
  SharedObject function;

  void operator()(const Tensor& leaf) const {
    nb::gil_scoped_acquire gil;
    nb::borrow(function.get())(leaf);
  }
};

}  // namespace

uint64_t register_hook(const Tensor& self, nb::object hook) {
  return self.register_hook(GradientHook{SharedObject(std::move(hook))});
}

uint64_t register_post_accumulate_grad_hook(const Tensor& self, nb::object hook) {
  return autograd::register_post_accumulate_grad_hook(self, LeafHook{SharedObject(std::move(hook))});
}

int traverse_hooks(const TensorImpl& impl, visitproc visit, void* arg) {
  int status = 0;
  auto show = [&](const auto* hook) {
    // A copy that is about to run keeps the function alive.
    if (status == 0 && hook && hook->function.is_only()) status = visit(hook->function.get().ptr(), arg);
  };
  visit_own_hooks(
      impl, [&](const TensorHook& hook) { show(hook.target<GradientHook>()); },
      [&](const PostAccumulateHook& hook) { show(hook.target<LeafHook>()); });
  return status;
}

}  // namespace tenon::python
