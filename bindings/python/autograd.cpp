// Backward, hooks, grad modes, saved-tensor hooks and custom functions, under PyTorch's names by tenon/autograd in
// Python.
#include "tenon/autograd/autograd.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <string>
#include <vector>

#include "arguments.h"
#include "hooks.h"
#include "nodes.h"
#include "stable_abi.h"
#include "tenon/autograd/function.h"
#include "tenon/autograd/transform.h"

namespace tenon::python {
namespace {

// --- running backward

std::vector<Tensor> optional_tensors(nb::handle object, const char* what) {
  std::vector<Tensor> tensors;
  if (object.is_none()) return tensors;
  nb::object items = steal(PySequence_Tuple(object.ptr()));
  for (Py_ssize_t i = 0; i < tuple_size(items.ptr()); ++i) {
    PyObject* item = tuple_item(items.ptr(), i);
    TENON_CHECK_TYPE(item == Py_None || is_tensor(item), what, ": expected Tensors or None, found ", type_name(item));
    tensors.push_back(item == Py_None ? Tensor() : unwrap(item));
  }
  return tensors;
}

void run_backward(nb::handle roots, nb::handle grads, optional<bool> retain_graph, bool create_graph,
                  nb::handle inputs) {
  const std::vector<Tensor> root_list = optional_tensors(roots, "backward"),
                            grad_list = optional_tensors(grads, "backward"),
                            input_list = optional_tensors(inputs, "backward");
  ReleaseGil gil;
  autograd::backward(root_list, grad_list, retain_graph, create_graph, input_list);
}

nb::object run_grad(nb::handle outputs, nb::handle inputs, nb::handle grad_outputs, optional<bool> retain_graph,
                    bool create_graph, bool allow_unused, bool materialize_grads) {
  const std::vector<Tensor> output_list = optional_tensors(outputs, "grad"),
                            input_list = optional_tensors(inputs, "grad"),
                            grad_list = optional_tensors(grad_outputs, "grad");
  std::vector<Tensor> result;
  {
    ReleaseGil gil;
    result =
        autograd::grad(output_list, input_list, grad_list, retain_graph, create_graph, allow_unused, materialize_grads);
  }
  nb::object tuple = steal(PyTuple_New(static_cast<Py_ssize_t>(result.size())));
  for (size_t i = 0; i < result.size(); ++i) {
    set_tuple_item(tuple.ptr(), static_cast<Py_ssize_t>(i), checked(wrap(result[i])));
  }
  return tuple;
}

// --- saved-tensor hooks, a stack per thread

thread_local std::vector<std::unique_ptr<SavedTensorHooksGuard>> saved_tensor_hooks;

void push_saved_tensor_hooks(nb::object pack, nb::object unpack) {
  SavedTensorHooks hooks;
  hooks.pack = [pack = SharedObject(std::move(pack))](const Tensor& tensor) -> std::shared_ptr<void> {
    nb::gil_scoped_acquire gil;
    return std::make_shared<SharedObject>(nb::borrow(pack.get())(tensor));
  };
  hooks.unpack = [unpack = SharedObject(std::move(unpack))](const std::shared_ptr<void>& packed) -> Tensor {
    nb::gil_scoped_acquire gil;
    nb::object tensor = nb::borrow(unpack.get())(static_cast<const SharedObject*>(packed.get())->get());
    TENON_CHECK_TYPE(is_tensor(tensor.ptr()), "saved_tensors_hooks: unpack_hook must return a Tensor, but it returned ",
                     type_name(tensor.ptr()));
    return unwrap(tensor.ptr());
  };
  saved_tensor_hooks.push_back(std::make_unique<SavedTensorHooksGuard>(std::move(hooks)));
}

void pop_saved_tensor_hooks() {
  TENON_CHECK_AS(Error, !saved_tensor_hooks.empty(), "saved_tensors_hooks: there is nothing to leave");
  saved_tensor_hooks.pop_back();
}

// --- inference mode, a stack per thread

thread_local std::vector<std::unique_ptr<InferenceMode>> inference_modes;

void pop_inference_mode() {
  TENON_CHECK_AS(Error, !inference_modes.empty(), "inference_mode: there is nothing to leave");
  inference_modes.pop_back();
}

// --- custom functions

// What a Python Function's backward sees of its node, for as long as that runs.
class SavedVariables {
 public:
  explicit SavedVariables(const autograd::AutogradContext* context) : context_(context) {}
  void close() { context_ = nullptr; }
  nb::object get() const {
    TENON_CHECK_AS(Error, context_, "saved_tensors can only be accessed while backward runs");
    const std::vector<Tensor> tensors = context_->get_saved_variables();
    nb::object tuple = steal(PyTuple_New(static_cast<Py_ssize_t>(tensors.size())));
    for (size_t i = 0; i < tensors.size(); ++i) {
      set_tuple_item(tuple.ptr(), static_cast<Py_ssize_t>(i), checked(wrap(tensors[i])));
    }
    return tuple;
  }

 private:
  const autograd::AutogradContext* context_;
};

// Runs `forward()`, which returns a tuple of tensors, unrecorded, and then reads from `ctx` what the user asked for.
// `backward(saved, grads)` returns a tuple of one gradient per entry of `inputs`.
nb::object apply_function(const std::string& name, nb::handle ctx, nb::handle inputs, nb::object forward,
                          nb::object backward) {
  auto run_forward = [&](autograd::AutogradContext* own) {
    std::vector<Tensor> outputs = optional_tensors(forward(), "forward");
    own->save_for_backward(optional_tensors(ctx.attr("to_save"), "save_for_backward"));
    own->mark_dirty(optional_tensors(ctx.attr("dirty_tensors"), "mark_dirty"));
    own->mark_non_differentiable(optional_tensors(ctx.attr("non_differentiable"), "mark_non_differentiable"));
    own->set_materialize_grads(nb::cast<bool>(ctx.attr("materialize_grads")));
    return outputs;
  };
  auto run_backward = [backward = SharedObject(std::move(backward))](autograd::AutogradContext* own,
                                                                     std::vector<Tensor> grads) {
    nb::gil_scoped_acquire gil;
    nb::object saved = nb::cast(SavedVariables(own));
    nb::object tuple = steal(PyTuple_New(static_cast<Py_ssize_t>(grads.size())));
    for (size_t i = 0; i < grads.size(); ++i) {
      set_tuple_item(tuple.ptr(), static_cast<Py_ssize_t>(i), checked(wrap(grads[i])));
    }
    // The node may die once backward is done, whoever still holds the context.
    struct Close {
      nb::handle saved;
      ~Close() { nb::cast<SavedVariables&>(saved).close(); }
    } close{saved};
    return optional_tensors(nb::borrow(backward.get())(saved, tuple), "backward");
  };
  const std::vector<Tensor> outputs =
      autograd::detail::apply_function(name.c_str(), optional_tensors(inputs, "apply"), run_forward, run_backward);
  nb::object tuple = steal(PyTuple_New(static_cast<Py_ssize_t>(outputs.size())));
  for (size_t i = 0; i < outputs.size(); ++i) {
    set_tuple_item(tuple.ptr(), static_cast<Py_ssize_t>(i), checked(wrap(outputs[i])));
  }
  return tuple;
}

template <class F, class... Extra>
void method(const char* name, F&& function, const Extra&... extra) {
  nb::handle type(reinterpret_cast<PyObject*>(tensor_type));
  nb::setattr(type, name,
              nb::cpp_function(std::forward<F>(function), nb::name(name), nb::scope(type), nb::is_method(),
                               nb::lock_self(), extra...));
}

// Methods that edit self and return the same object.
template <class... Args>
auto returning_self(void (*function)(const Tensor& self, Args... args)) {
  return [function](nb::handle self, Args... args) {
    TENON_CHECK_TYPE(is_tensor(self.ptr()), "expected a Tensor, got ", type_name(self.ptr()));
    function(unwrap(self.ptr()), args...);
    return nb::borrow(self);
  };
}

void add_methods() {
  method("detach", &Tensor::detach, "An alias outside any graph.");
  method("detach_", returning_self(+[](const Tensor& self) { self.detach_(); }));
  method(
      "retain_grad", [](const Tensor& self) { self.retain_grad(); },
      "Makes backward fill .grad though self is no leaf.");
  method("requires_grad_", returning_self(+[](const Tensor& self, bool value) { self.requires_grad_(value); }),
         nb::arg("requires_grad") = true, "Sets whether gradients are computed for self.");
  method("_register_hook", register_hook, nb::arg("hook"));
  method("_register_post_accumulate_grad_hook", register_post_accumulate_grad_hook, nb::arg("hook"));
  method("_remove_hook", [](const Tensor& self, uint64_t id) { self.remove_hook(id); }, nb::arg("id"));
}

}  // namespace

void init_autograd(nb::module_& module) {
  add_methods();
  nb::class_<SavedVariables>(module, "_SavedVariables").def("get", &SavedVariables::get);
  module.def("_backward", run_backward, nb::arg("tensors"), nb::arg("grad_tensors").none(),
             nb::arg("retain_graph").none(), nb::arg("create_graph"), nb::arg("inputs").none());
  module.def("_grad", run_grad, nb::arg("outputs"), nb::arg("inputs"), nb::arg("grad_outputs").none(),
             nb::arg("retain_graph").none(), nb::arg("create_graph"), nb::arg("allow_unused"),
             nb::arg("materialize_grads"));
  module.def("_apply_function", apply_function, nb::arg("name"), nb::arg("ctx"), nb::arg("inputs"), nb::arg("forward"),
             nb::arg("backward"));
  module.def("_gradient_edge", [](const Tensor& tensor) {
    const Edge edge = gradient_edge(tensor);
    return nb::make_tuple(steal(wrap_node(edge.node)), edge.input_nr);
  }, nb::arg("tensor"));
  module.def("_increment_version", [](const Tensor& tensor) {
    tensor.impl()->version().bump("increment_version");
  }, nb::arg("tensor"));
  module.def("_open_transform_input", autograd::open_transform_input, nb::arg("tensor"));
  module.def("_close_transform_input", autograd::close_transform_input, nb::arg("input"));
  module.def("_is_wanted_outside", autograd::is_wanted_outside, nb::arg("tensor"), nb::arg("inputs"));
  module.def("is_grad_enabled", &GradMode::is_enabled, "Whether ops are recorded on this thread.");
  module.def("_set_grad_enabled", &GradMode::set_enabled, nb::arg("mode"));
  module.def("is_inference_mode_enabled", &InferenceMode::is_enabled, "Whether this thread is in inference mode.");
  module.def(
      "_push_inference_mode", [](bool mode) { inference_modes.push_back(std::make_unique<InferenceMode>(mode)); },
      nb::arg("mode"));
  module.def("_pop_inference_mode", pop_inference_mode);
  module.def("is_anomaly_enabled", &AnomalyMode::is_enabled, "Whether anomaly mode is on.");
  module.def("is_anomaly_check_nan_enabled", &AnomalyMode::should_check_nan);
  module.def("_set_anomaly_enabled", &AnomalyMode::set_enabled, nb::arg("mode"), nb::arg("check_nan") = true);
  module.def("_set_anomaly_tracer", [](nb::object tracer) {
    AnomalyMode::set_tracer([tracer = SharedObject(std::move(tracer))]() -> std::string {
      nb::gil_scoped_acquire gil;
      return nb::cast<std::string>(nb::borrow(tracer.get())());
    });
  }, nb::arg("tracer"));
  module.def("_push_saved_tensor_hooks", push_saved_tensor_hooks, nb::arg("pack"), nb::arg("unpack"));
  module.def("_pop_saved_tensor_hooks", pop_saved_tensor_hooks);
}

}  // namespace tenon::python
