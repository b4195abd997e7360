// See nodes.h: grad_fn objects with name(), next_functions, hooks and metadata, of a type for each op.
#include "nodes.h"

#include <nanobind/stl/string.h>

#include "autograd/engine.h"
#include "stable_abi.h"
#include "tensor_type.h"
#include "threads.h"

namespace tenon::python {
namespace {

// A node's Python object; the node points back at it.
struct NodeObject {
  IntrusivePtr<Node> node;
  PyObject* linked = nullptr;  // this as the node knows it
  explicit NodeObject(IntrusivePtr<Node> node) : node(std::move(node)) {}
  NodeObject(const NodeObject&) = delete;
  ~NodeObject() {
    nb::ft_lock_guard guard(lock_of_link(node.get()));
    if (node->python_object == linked) node->python_object = nullptr;
  }
};

nb::object tuple_of(const Grads& grads) {
  nb::object tuple = steal(PyTuple_New(static_cast<Py_ssize_t>(grads.size())));
  for (size_t i = 0; i < grads.size(); ++i)
    set_tuple_item(tuple.ptr(), static_cast<Py_ssize_t>(i), checked(wrap(grads[i])));
  return tuple;
}

// What a hook returned in the place of `grads`: None leaves them.
void replace(Grads& grads, const nb::object& result, const char* what) {
  if (result.is_none()) return;
  nb::object items = steal(PySequence_Tuple(result.ptr()));
  TENON_CHECK_AS(Error, tuple_size(items.ptr()) == static_cast<Py_ssize_t>(grads.size()), what, ": the hook returned ",
                 tuple_size(items.ptr()), " values, expected ", grads.size());
  for (size_t i = 0; i < grads.size(); ++i) {
    PyObject* item = tuple_item(items.ptr(), static_cast<Py_ssize_t>(i));
    TENON_CHECK_TYPE(item == Py_None || is_tensor(item), what, ": the hook returned ", type_name(item),
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

// The types of nodes, by name; the module owns it.
nb::handle node_types;

// A subclass of Node for each name, as PyTorch has them: graphs are read by type(x.grad_fn).__name__.
nb::object type_of(const Node& node) {
  const std::string name = node_display_name(node);
  if (nb::object found = find_item(node_types.ptr(), name.c_str()); found.is_valid()) return found;
  nb::handle base = nb::type<NodeObject>();
  nb::dict members;
  members["__module__"] = base.attr("__module__");
  members["__slots__"] = nb::tuple();
  // Another thread may have been faster.
  return node_types.attr("setdefault")(name, base.type()(name, nb::make_tuple(base), members));
}

nb::object metadata(const NodeObject& self) {
  std::shared_ptr<void>& attachment = self.node->attachment();
  if (!attachment) attachment = std::make_shared<SharedObject>(nb::dict());
  return nb::borrow(static_cast<SharedObject*>(attachment.get())->get());
}

nb::object variable(const NodeObject& self) {
  const Tensor* leaf = self.node->leaf();
  if (!leaf) throw nb::attribute_error(concat("'", node_display_name(*self.node), "' has no variable").c_str());
  return steal(wrap(*leaf));
}

// A gradient given for an output of the op, which must be like it.
Tensor checked_gradient(const Node& node, size_t i, PyObject* given) {
  if (given == Py_None) return Tensor();
  const std::string name = node_display_name(node);
  TENON_CHECK_TYPE(is_tensor(given), name, ": argument ", i, " must be Tensor or None, not ", type_name(given));
  const Tensor& grad = unwrap(given);
  const Node::InputMeta& meta = node.input_meta(i);
  TENON_CHECK_AS(Error,
                 grad.sizes() == IntArrayRef(meta.sizes) && grad.dtype() == meta.dtype && grad.device() == meta.device,
                 name, ": gradient ", i, " must be like the output: shape ", IntArrayRef(meta.sizes), ", ", meta.dtype,
                 " on ", meta.device, ", got shape ", grad.sizes(), ", ", grad.dtype(), " on ", grad.device());
  return grad;
}

nb::object call_node(const NodeObject& self, nb::args args) {
  Node& node = *self.node;
  TENON_CHECK_TYPE(args.size() == node.num_inputs(), node_display_name(node), ": expected ", node.num_inputs(),
                   " arguments, got ", args.size(), " instead");
  Grads grads;
  bool some = false;
  for (size_t i = 0; i < args.size(); ++i) {
    grads.push_back(checked_gradient(node, i, args[i].ptr()));
    some = some || grads[i].defined();
  }
  if (some) {
    ReleaseGil gil;
    grads = node.apply(std::move(grads));
  } else {
    grads = Grads(node.next_edges().size());
  }
  return grads.size() == 1 ? steal(wrap(grads[0])) : tuple_of(grads);
}

}  // namespace

PyObject* wrap_node(const IntrusivePtr<Node>& node) {
  if (!node) return Py_NewRef(Py_None);
  const auto living = [&node] {
    auto* object = static_cast<PyObject*>(node->python_object);
    return object && try_incref(object) ? object : nullptr;
  };
  {
    nb::ft_lock_guard guard(lock_of_link(node.get()));
    if (PyObject* object = living()) return object;
  }
  // Made without the lock, for it runs Python code; another thread may be faster.
  auto* made = new NodeObject(node);
  nb::object object = nb::inst_take_ownership(type_of(*node), made);
  enable_try_incref(object.ptr());
  nb::ft_lock_guard guard(lock_of_link(node.get()));
  if (PyObject* faster = living()) return faster;
  node->python_object = made->linked = object.ptr();
  return object.release().ptr();
}

void init_nodes(nb::module_& module) {
  module.def("_current_pass", current_pass);
  module.def(
      "_at_end_of_pass",
      [](nb::object body) {
        at_end_of_pass([body = SharedObject(std::move(body))] {
          nb::gil_scoped_acquire gil;
          nb::borrow(body.get())();
        });
      },
      nb::arg("body"));
  module.attr("_node_types") = nb::dict();
  node_types = module.attr("_node_types");
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
      .def_prop_ro("metadata", metadata, nb::lock_self())
      .def_prop_ro("variable", variable)
      .def("__call__", call_node, nb::arg("args"))
      .def_prop_ro("_sequence_nr", [](const NodeObject& self) { return self.node->sequence_nr(); })
      .def("_add_pre_hook", add_pre_hook, nb::arg("hook"), nb::lock_self())
      .def("_add_post_hook", add_post_hook, nb::arg("hook"), nb::lock_self())
      .def(
          "_remove_hook", [](NodeObject& self, uint64_t id) { self.node->remove_hook(id); }, nb::arg("id"),
          nb::lock_self())
      .def("__repr__", [](nb::handle_t<NodeObject> self) {
        return concat("<", node_display_name(*nb::cast<NodeObject&>(self).node), " object at ",
                      static_cast<void*>(self.ptr()), ">");
      });
}

}  // namespace tenon::python
