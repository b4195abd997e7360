// See nodes.h: grad_fn objects with name(), next_functions and hooks.
#include "nodes.h"

#include <nanobind/stl/string.h>
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

// The classes that nodes are objects of, by name; an attribute of the module, which owns it.
nb::handle node_types;

// A subclass of Node for each name: code that draws graphs reads the names of types.
nb::object type_named(const std::string& name) {
  nb::str key(name.c_str());
  PyObject* found = PyDict_GetItemWithError(node_types.ptr(), key.ptr());
  if (found) return nb::borrow(found);
  nb::object made = nb::handle(&PyType_Type)(key, nb::make_tuple(nb::type<NodeObject>()), nb::dict());
  return nb::borrow(checked(PyDict_SetDefault(node_types.ptr(), key.ptr(), made.ptr())));
}

}  // namespace

PyObject* wrap_node(const IntrusivePtr<Node>& node) {
  if (!node) return Py_NewRef(Py_None);
  if (node->python_object) return Py_NewRef(static_cast<PyObject*>(node->python_object));
  nb::object object = nb::inst_alloc(type_named(node_display_name(*node)));
  new (nb::inst_ptr<NodeObject>(object)) NodeObject(node);
  nb::inst_mark_ready(object);
  node->python_object = object.ptr();
  return object.release().ptr();
}

void init_nodes(nb::module_& module) {
  module.attr("_node_types") = nb::dict();
  node_types = module.attr("_node_types").ptr();
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
