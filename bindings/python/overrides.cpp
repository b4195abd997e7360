// See overrides.h; also the callables that let Python's functions and methods be overridden.
#include "overrides.h"

#include <structmember.h>

#include <string>
#include <vector>

#include "stable_abi.h"
#include "threads.h"

namespace tenon::python {

std::atomic<int> entered_modes = 0;

namespace {

enum class Overriding : uint8_t { All, ModesOnly, Nothing };

thread_local Overriding overriding = Overriding::All;
thread_local std::vector<SharedObject> modes;  // the innermost last

// What a type has as __torch_function__ when its tensors are to be treated as plain ones.
PyObject* disabled_function;

PyObject* torch_function_name() {
  static PyObject* const name = PyUnicode_InternFromString("__torch_function__");
  return name;
}

bool is_plain(PyObject* object) {
  const PyTypeObject* type = Py_TYPE(object);
  return type == tensor_type || type == &PyLong_Type || type == &PyFloat_Type || type == &PyBool_Type ||
         object == Py_None || type == &PyUnicode_Type;
}

// PyTorch's class of tensors where PyTorch is loaded, else null; borrowed.
PyTypeObject* pytorch_tensor_type() {
  static PyObject* const name = PyUnicode_InternFromString("torch");
  nb::object module = nb::steal(PyImport_GetModule(name));
  if (!module.is_valid() || !nb::hasattr(module, "Tensor")) {
    PyErr_Clear();
    return nullptr;
  }
  nb::object type = module.attr("Tensor");
  const bool is_other = PyType_Check(type.ptr()) && type.ptr() != reinterpret_cast<PyObject*>(tensor_type);
  return is_other ? reinterpret_cast<PyTypeObject*>(type.ptr()) : nullptr;
}

bool type_overrides(PyObject* object) {
  if (overriding != Overriding::All) return false;
  const nb::object function = find_attribute(Py_TYPE(object), torch_function_name());
  if (!function.is_valid() || function.ptr() == disabled_function) return false;
  // What PyTorch's tensors answer, its parameters by a function of C, is to make the same call again.
  PyTypeObject* theirs = is_tensor(object) ? nullptr : pytorch_tensor_type();
  if (!theirs || !PyType_IsSubtype(Py_TYPE(object), theirs)) return true;
  return !PyCFunction_Check(function.ptr()) && !find_attribute(theirs, torch_function_name()).is(function);
}

// The overriding arguments of a call: one for each type, in the order in which they are asked.
class OverridingArguments {
 public:
  void add_all(PyObject* const* args, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      if (PyTuple_CheckExact(args[i]) || PyList_CheckExact(args[i])) {
        for (Py_ssize_t k = 0; k < sequence_size(args[i]); ++k) {
          if (nb::object item = item_of(args[i], k); item.is_valid()) add(item.ptr());
        }
      } else {
        add(args[i]);
      }
    }
  }
  const std::vector<nb::object>& objects() const { return objects_; }
  nb::object types() const {
    nb::list list;
    for (const nb::object& object : objects_) list.append(object.type());
    return nb::tuple(list);
  }

 private:
  // A subclass is asked before its bases, otherwise the order is the arguments'.
  void add(PyObject* object) {
    if (is_plain(object) || !type_overrides(object)) return;
    size_t place = objects_.size();
    for (size_t i = objects_.size(); i-- > 0;) {
      if (Py_TYPE(objects_[i].ptr()) == Py_TYPE(object)) return;
      if (PyType_IsSubtype(Py_TYPE(object), Py_TYPE(objects_[i].ptr()))) place = i;
    }
    objects_.insert(objects_.begin() + static_cast<std::ptrdiff_t>(place), nb::borrow(object));
  }

  std::vector<nb::object> objects_;
};

// The innermost mode is left while it answers: what it calls is for the modes around it.
class LeaveMode {
 public:
  LeaveMode() : mode_(modes.back()) {
    modes.pop_back();
    --entered_modes;
  }
  ~LeaveMode() {
    modes.push_back(mode_);
    ++entered_modes;
  }
  LeaveMode(const LeaveMode&) = delete;
  nb::handle mode() const { return mode_.get(); }

 private:
  SharedObject mode_;
};

nb::object ask(nb::handle who, PyObject* function, const nb::object& types, const nb::object& args,
               const nb::object& kwargs) {
  nb::object method = steal(PyObject_GetAttr(who.ptr(), torch_function_name()));
  return steal(PyObject_CallFunctionObjArgs(method.ptr(), function, types.ptr(), args.ptr(), kwargs.ptr(), nullptr));
}

[[noreturn]] void fail_unanswered(PyObject* function, const OverridingArguments& arguments, bool asked_mode) {
  nb::object name = nb::getattr(function, "__name__", nb::str("a function"));
  std::string text = concat("Multiple dispatch failed for '", nb::str(name).c_str(),
                            "'; all __torch_function__ handlers returned NotImplemented:\n");
  if (asked_mode) text += concat("\n  - mode object ", nb::repr(modes.back().get()).c_str());
  for (const nb::object& object : arguments.objects()) {
    text += concat("\n  - tensor subclass ", nb::repr(object.type()).c_str());
  }
  throw TypeError(text);
}

nb::object answer(PyObject* function, const OverridingArguments& arguments, const nb::object& args,
                  const nb::object& kwargs) {
  const nb::object types = arguments.types();
  const bool asks_mode = any_mode();
  if (asks_mode) {
    LeaveMode left;
    nb::object result = ask(left.mode(), function, types, args, kwargs);
    if (result.ptr() != Py_NotImplemented) return result;
  }
  for (const nb::object& object : arguments.objects()) {
    nb::object result = ask(object, function, types, args, kwargs);
    if (result.ptr() != Py_NotImplemented) return result;
  }
  fail_unanswered(function, arguments, asks_mode);
}

// --- callables

struct PyOverridable {
  PyObject_HEAD vectorcallfunc vectorcall;
  PyObject* dict;
  PyObject* wrapped;
};

PyTypeObject* overridable_type;

template <bool asks_arguments>
PyObject* call_overridable(PyObject* self, PyObject* const* args, size_t flags, PyObject* keywords) {
  const size_t positional = static_cast<size_t>(PyVectorcall_NARGS(flags));
  const size_t count = positional + (keywords ? static_cast<size_t>(tuple_size(keywords)) : 0);
  if (!(asks_arguments ? is_overridden(args, count) : any_mode())) {
    return PyObject_Vectorcall(reinterpret_cast<PyOverridable*>(self)->wrapped, args, flags, keywords);
  }
  return guarded([&] { return call_override(self, args, positional, keywords); });
}

PyObject* bind_overridable(PyObject* self, PyObject* object, PyObject*) {
  return !object || object == Py_None ? Py_NewRef(self) : bind(self, object);
}

int traverse_overridable(PyObject* object, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(reinterpret_cast<PyOverridable*>(object)->dict);
  Py_VISIT(reinterpret_cast<PyOverridable*>(object)->wrapped);
  return 0;
}

int clear_overridable(PyObject* object) {
  Py_CLEAR(reinterpret_cast<PyOverridable*>(object)->dict);
  Py_CLEAR(reinterpret_cast<PyOverridable*>(object)->wrapped);
  return 0;
}

void deallocate_overridable(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  clear_overridable(object);
  PyObject_GC_Del(object);
  Py_DECREF(type);
}

PyObject* overridable_repr(PyObject* self) { return PyObject_Repr(reinterpret_cast<PyOverridable*>(self)->wrapped); }

// A function is pickled by its name in its module, a method as Tensor's attribute.
PyObject* overridable_reduce(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    nb::object name = nb::getattr(self, "__name__");
    if (find_attribute(tensor_type, name.ptr()).is(self)) {
      nb::object getattr = nb::module_::import_("builtins").attr("getattr");
      return Py_BuildValue("(O(OO))", getattr.ptr(), tensor_type, name.ptr());
    }
    return name.release().ptr();
  });
}

PyMemberDef overridable_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(PyOverridable, vectorcall), READONLY, nullptr},
    {"__dictoffset__", T_PYSSIZET, offsetof(PyOverridable, dict), READONLY, nullptr},
    {"__wrapped__", T_OBJECT_EX, offsetof(PyOverridable, wrapped), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};
PyGetSetDef overridable_properties[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};
PyMethodDef overridable_methods[] = {
    {"__reduce__", overridable_reduce, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

void make_overridable_type() {
  PyType_Slot slots[] = {
      {Py_tp_dealloc, reinterpret_cast<void*>(deallocate_overridable)},
      {Py_tp_traverse, reinterpret_cast<void*>(traverse_overridable)},
      {Py_tp_clear, reinterpret_cast<void*>(clear_overridable)},
      {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
      {Py_tp_descr_get, reinterpret_cast<void*>(bind_overridable)},
      {Py_tp_repr, reinterpret_cast<void*>(overridable_repr)},
      {Py_tp_members, overridable_members},
      {Py_tp_getset, overridable_properties},
      {Py_tp_methods, overridable_methods},
      {0, nullptr},
  };
  PyType_Spec spec = {"tenon.overridable", sizeof(PyOverridable), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR |
                          Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                      slots};
  overridable_type = reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&spec)));
}

// `function` as a callable that __torch_function__ sees, or only modes where it takes no tensors.
nb::object make_overridable(nb::object function, bool asks_arguments) {
  auto* self = reinterpret_cast<PyOverridable*>(checked(PyType_GenericAlloc(overridable_type, 0)));
  nb::object result = nb::steal(reinterpret_cast<PyObject*>(self));
  self->vectorcall = asks_arguments ? call_overridable<true> : call_overridable<false>;
  self->wrapped = Py_NewRef(function.ptr());
  for (const char* name : {"__name__", "__qualname__", "__module__", "__doc__"}) {
    if (nb::hasattr(function, name)) nb::setattr(result, name, nb::getattr(function, name));
  }
  return result;
}

// --- the state of this thread

bool has_override(nb::args args) {
  std::vector<PyObject*> values;
  for (nb::handle value : args) values.push_back(value.ptr());
  return is_overridden(values.data(), values.size());
}

int set_overriding(int state) {
  const int before = static_cast<int>(overriding);
  overriding = static_cast<Overriding>(state);
  return before;
}

nb::object pop_mode() {
  TENON_CHECK_AS(Error, !modes.empty(), "TorchFunctionMode: there is no mode to leave");
  nb::object mode = nb::borrow(modes.back().get());
  modes.pop_back();
  --entered_modes;
  return mode;
}

// The call of the Python function `function` on `args` and `kwargs`, of which `relevant` may override it.
nb::object handle_override(nb::object function, nb::object relevant, nb::tuple args, nb::dict kwargs) {
  OverridingArguments overriding_arguments;
  nb::object items = steal(PySequence_Tuple(relevant.ptr()));
  std::vector<PyObject*> arguments;
  for (size_t i = 0; i < nb::len(items); ++i) arguments.push_back(tuple_item(items.ptr(), static_cast<Py_ssize_t>(i)));
  overriding_arguments.add_all(arguments.data(), arguments.size());
  return answer(function.ptr(), overriding_arguments, args, kwargs);
}

PyObject* call_disabled(PyObject*, PyObject* args) {
  PyObject *function, *types, *positional = nullptr, *keywords = nullptr;
  if (!PyArg_UnpackTuple(args, "_disabled_torch_function_impl", 2, 4, &function, &types, &positional, &keywords)) {
    return nullptr;
  }
  return guarded([&]() -> PyObject* {
    struct Restore {
      Overriding before = overriding;
      ~Restore() { overriding = before; }
    } restore;
    overriding = Overriding::ModesOnly;
    nb::object tuple = positional ? steal(PySequence_Tuple(positional)) : steal(PyTuple_New(0));
    return PyObject_Call(function, tuple.ptr(), keywords == Py_None ? nullptr : keywords);
  });
}

PyMethodDef disabled_definition = {"_disabled_torch_function_impl", call_disabled, METH_VARARGS,
                                   "As a type's __torch_function__, makes its tensors plain ones."};

}  // namespace

void refuse_pytorch_tensor(PyObject* argument, const char* op) {
  PyTypeObject* theirs = is_plain(argument) ? nullptr : pytorch_tensor_type();
  TENON_CHECK_TYPE(!theirs || !PyType_IsSubtype(Py_TYPE(argument), theirs), op, "(): got a ",
                   nb::type_name(nb::handle(argument).type()).c_str(),
                   " where a tenon.Tensor is expected; tenon.from_torch() makes one that shares its memory");
}

bool mode_is_active() { return !modes.empty() && overriding != Overriding::Nothing; }

bool overrides(PyObject* object) {
  if (is_plain(object)) return false;
  if (!PyTuple_CheckExact(object) && !PyList_CheckExact(object)) return type_overrides(object);
  for (Py_ssize_t i = 0; i < sequence_size(object); ++i) {
    const nb::object item = item_of(object, i);
    if (item.is_valid() && !is_plain(item.ptr()) && type_overrides(item.ptr())) return true;
  }
  return false;
}

PyObject* call_override(PyObject* function, PyObject* const* args, size_t positional, PyObject* keywords) {
  nb::object tuple = steal(PyTuple_New(static_cast<Py_ssize_t>(positional)));
  for (size_t i = 0; i < positional; ++i) {
    set_tuple_item(tuple.ptr(), static_cast<Py_ssize_t>(i), Py_NewRef(args[i]));
  }
  nb::dict kwargs;
  const size_t keyword_count = keywords ? static_cast<size_t>(tuple_size(keywords)) : 0;
  for (size_t k = 0; k < keyword_count; ++k) {
    check_status(PyDict_SetItem(kwargs.ptr(), tuple_item(keywords, static_cast<Py_ssize_t>(k)), args[positional + k]));
  }
  OverridingArguments overriding_arguments;
  overriding_arguments.add_all(args, positional + keyword_count);
  return answer(function, overriding_arguments, tuple, kwargs).release().ptr();
}

void init_overrides(nb::module_& module) {
  make_overridable_type();
  module.attr("Overridable") = nb::borrow(reinterpret_cast<PyObject*>(overridable_type));
  disabled_function = checked(PyCFunction_New(&disabled_definition, nullptr));
  module.attr("_disabled_torch_function_impl") = nb::borrow(disabled_function);
  module.def("_overridable", make_overridable, nb::arg("function"), nb::arg("asks_arguments") = true);
  module.def("_has_override", has_override, nb::arg("args"));
  module.def("_handle_override", handle_override, nb::arg("function"), nb::arg("relevant"), nb::arg("args"),
             nb::arg("kwargs"));
  module.def("_set_overriding", set_overriding, nb::arg("state"));
  module.def(
      "_push_mode",
      [](nb::object mode) {
        modes.emplace_back(std::move(mode));
        ++entered_modes;
      },
      nb::arg("mode"));
  module.def("_pop_mode", pop_mode);
  module.def("_modes", [] {
    nb::list list;
    for (const SharedObject& mode : modes) list.append(nb::borrow(mode.get()));
    return list;
  });
}

}  // namespace tenon::python
