// See nodes.h: grad_fn objects with name(), next_functions and hooks.
#include "nodes.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "autograd/engine.h"
#include "tensor_type.h"

namespace tenon::python {
namespace {

// A node's Python object; the node points back at it.
struct NodeObject {
  IntrusivePtr<Node> node;
  explicit NodeObject(IntrusivePtr<Node> node) : node(std::move(node)) {}
  NodeObject(const NodeObject&) = delete;
  ~NodeObject() { node->python_object = nullptr; }
};

nb::object tuple_of(const Grads& grads) {
  nb::object tuple = steal(PyTuple_New(static_cast<Py_ssize_t>(grads.size())));
  for (size_t i = 0; i < grads.size(); ++i)
    PyTuple_SET_ITEM(tuple.ptr(), static_cast<Py_ssize_t>(i), checked(wrap(grads[i])));
  return tuple;
}

// What a hook returned in the place of `grads`: None leaves them.
void replace(Grads& grads, const nb::object& result, const char* what) {
  if (result.is_none()) return;
  nb::object items = steal(PySequence_Tuple(result.ptr()));
  TENON_CHECK_AS(Error, PyTuple_GET_SIZE(items.ptr()) == static_cast<Py_ssize_t>(grads.size()), what,
                 ": the hook returned ", PyTuple_GET_SIZE(items.ptr()), " values, expected ", grads.size());
  for (size_t i = 0; i < grads.size(); ++i) {
    PyObject* item = PyTuple_GET_ITEM(items.ptr(), static_cast<Py_ssize_t>(i));
    TENON_CHECK_TYPE(item == Py_None || is_tensor(item), what, ": the hook returned ", Py_TYPE(item)->tp_name,
                     ", expected Tensor");
    grads[i] = item == Py_None ? Tensor() : unwrap(item);
  }
}

uint64_t add_pre_hook(NodeObject& self, nb::object hook) {
  return self.node->add_pre_hook([hook = SharedObject(std::move(hook))](Grads& grads) {
    nb::gil_scoped_acquire gil;
    replace(grads, nb::borrow(hook.get())(tuple_of(grads)), "register_prehook");
  });
}

uint64_t add_post_hook(NodeObject& self, nb::object hook) {
  return self.node->add_post_hook([hook = SharedObject(std::move(hook))](Grads& inputs, const Grads& outputs) {
    nb::gil_scoped_acquire gil;
    replace(inputs, nb::borrow(hook.get())(tuple_of(inputs), tuple_of(outputs)), "register_hook");
  });
}

// The name as PyTorch has it, whose nodes that belong to no op are named with their namespace.
std::string full_name(const NodeObject& self) {
  const std::string name = node_display_name(*self.node);
  const bool is_class = name == "AccumulateGrad" || name == "CopySlices" || name == "CopyBackwards";
  return is_class ? "torch::autograd::" + name : name;
}

}  // namespace

PyObject* wrap_node(const IntrusivePtr<Node>& node) {
  if (!node) return Py_NewRef(Py_None);
  if (node->python_object) return Py_NewRef(static_cast<PyObject*>(node->python_object));
  nb::object object = nb::cast(new NodeObject(node), nb::rv_policy::take_ownership);
  node->python_object = object.ptr();
  return object.release().ptr();
}

void init_nodes(nb::module_& module) {
  module.def("_current_pass", current_pass);
  nb::class_<HookPlace>(module, "_HookPlace");
  module.def(
      "_hook_place",
      [](const Tensor& tensor, uint64_t hook_id) {
        const IntrusivePtr<Node> node = tensor.grad_fn();
        return HookPlace{hook_id, node.get(), node ? node->sequence_nr() : 0};
      },
      nb::arg("tensor"), nb::arg("hook_id"));
  module.def("_count_hooks_of_current_pass", count_hooks_of_current_pass, nb::arg("places"));
  nb::class_<NodeObject>(module, "Node", "A recorded op of the autograd graph.")
      .def("name", full_name)
      .def_prop_ro("next_functions",
                   [](const NodeObject& self) {
                     nb::list list;
                     for (const Edge& edge : self.node->next_edges()) {
                       list.append(nb::make_tuple(steal(wrap_node(edge.node)), edge.input_nr));
                     }
                     return nb::tuple(list);
                   })
      .def_prop_ro("_sequence_nr", [](const NodeObject& self) { return self.node->sequence_nr(); })
      .def("_add_pre_hook", add_pre_hook, nb::arg("hook"))
      .def("_add_post_hook", add_post_hook, nb::arg("hook"))
      .def(
          "_remove_hook", [](NodeObject& self, uint64_t id) { self.node->remove_hook(id); }, nb::arg("id"))
      .def("__repr__", [](nb::handle_t<NodeObject> self) {
        return concat("<", node_display_name(*nb::cast<NodeObject&>(self).node), " object at ",
                      static_cast<void*>(self.ptr()), ">");
      });
}

}  // namespace tenon::python
