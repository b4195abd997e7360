// See named_objects.h.
#include "named_objects.h"

#include <nanobind/stl/string.h>

#include <array>
#include <cstring>
#include <string>

#include "stable_abi.h"
#include "tenon/base/shape.h"

namespace tenon::python {

PyTypeObject* dtype_type;
PyTypeObject* layout_type;
PyTypeObject* memory_format_type;
PyTypeObject* size_type;

namespace {

std::array<PyObject*, kDtypeCount> dtype_objects;
PyObject* strided;

const NamedObject& named(PyObject* self) { return *reinterpret_cast<NamedObject*>(self); }

// What these objects show themselves as part of: a program that runs with Tenon as another package sees that one.
std::string shown_package = "tenon";

PyObject* named_repr(PyObject* self) { return PyUnicode_FromFormat("%s.%s", shown_package.c_str(), named(self).name); }

// Pickled by name: loading finds the one object again.
PyObject* named_reduce(PyObject* self, PyObject*) { return PyUnicode_FromString(named(self).name); }

PyMethodDef named_methods[] = {{"__reduce__", named_reduce, METH_NOARGS, nullptr}, {nullptr, nullptr, 0, nullptr}};

// --- dtype

template <bool (*Question)(ScalarType)>
PyObject* dtype_answer(PyObject* self, void*) {
  return PyBool_FromLong(Question(dtype_of_object(self)));
}

bool floating(ScalarType t) { return is_floating_point(t); }
bool complex_type(ScalarType t) { return is_complex(t); }
bool signed_type(ScalarType t) { return is_signed(t); }

PyObject* dtype_itemsize(PyObject* self, void*) { return PyLong_FromSize_t(element_size(dtype_of_object(self))); }

template <ScalarType (*Convert)(ScalarType)>
PyObject* dtype_convert(PyObject* self, PyObject*) {
  return Py_NewRef(dtype_object(Convert(dtype_of_object(self))));
}

PyGetSetDef dtype_properties[] = {
    {"is_floating_point", dtype_answer<floating>, nullptr, "Whether it is a floating type.", nullptr},
    {"is_complex", dtype_answer<complex_type>, nullptr, "Whether it is a complex type.", nullptr},
    {"is_signed", dtype_answer<signed_type>, nullptr, "Whether it holds negative numbers.", nullptr},
    {"itemsize", dtype_itemsize, nullptr, "Bytes of one element.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyMethodDef dtype_methods[] = {
    {"to_real", dtype_convert<to_real>, METH_NOARGS, "The type of the real part."},
    {"to_complex", dtype_convert<to_complex>, METH_NOARGS, "The complex type of this precision."},
    {"__reduce__", named_reduce, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyTypeObject* make_named_type(nb::module_& module, const char* name, PyMethodDef* methods, PyGetSetDef* properties) {
  PyType_Slot slots[] = {
      {Py_tp_repr, reinterpret_cast<void*>(named_repr)},
      {Py_tp_methods, methods},
      {properties ? Py_tp_getset : 0, properties},
      {0, nullptr},
  };
  PyType_Spec spec = {name, sizeof(NamedObject), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE, slots};
  PyObject* type = checked(PyType_FromSpec(&spec));
  module.attr(std::strchr(name, '.') + 1) = nb::borrow(type);
  return reinterpret_cast<PyTypeObject*>(type);
}

PyObject* make_named(nb::module_& module, PyTypeObject* type, int value, const char* name) {
  auto* object = reinterpret_cast<NamedObject*>(checked(PyType_GenericAlloc(type, 0)));
  object->value = value;
  object->name = name;
  auto* result = reinterpret_cast<PyObject*>(object);
  module.attr(name) = nb::borrow(result);
  return result;
}

// --- Size

// What a tuple does where Size adds to it.
template <class Function, int slot>
Function tuple_slot() {
  static const auto function = reinterpret_cast<Function>(PyType_GetSlot(&PyTuple_Type, slot));
  return function;
}

PyObject* as_size(nb::object tuple) {
  return PyObject_CallFunctionObjArgs(reinterpret_cast<PyObject*>(size_type), tuple.ptr(), nullptr);
}

PyObject* size_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  nb::object self = nb::steal(tuple_slot<newfunc, Py_tp_new>()(type, args, kwargs));
  if (!self) return nullptr;
  for (Py_ssize_t i = 0; i < tuple_size(self.ptr()); ++i) {
    PyObject* item = tuple_item(self.ptr(), i);
    if (PyLong_Check(item) && !PyBool_Check(item)) continue;
    PyObject* number = PyNumber_Index(item);
    if (!number) {
      return guarded([&]() -> PyObject* {
        PyErr_Clear();
        detail::fail<TypeError>(shown_package, ".Size() takes an iterable of 'int' (item ", i, " is '", type_name(item),
                                "')");
      });
    }
    // The tuple is not shared yet, so its item may still be replaced.
    PyTuple_SetItem(self.ptr(), i, number);
  }
  return self.release().ptr();
}

PyObject* size_repr(PyObject* self) {
  nb::object items = nb::steal(PySequence_List(self));
  return items ? PyUnicode_FromFormat("%s.Size(%R)", shown_package.c_str(), items.ptr()) : nullptr;
}

PyObject* size_item(PyObject* self, PyObject* key) {
  nb::object item = nb::steal(tuple_slot<binaryfunc, Py_mp_subscript>()(self, key));
  if (item && PyTuple_Check(item.ptr())) return as_size(std::move(item));
  return item.release().ptr();
}

// Of two tuples, one of which is a Size.
PyObject* size_add(PyObject* left, PyObject* right) {
  if (!PyTuple_Check(left) || !PyTuple_Check(right)) Py_RETURN_NOTIMPLEMENTED;
  nb::object both = nb::steal(tuple_slot<binaryfunc, Py_sq_concat>()(left, right));
  return both ? as_size(std::move(both)) : nullptr;
}

// What Python asks where size_add() and the other operand have no answer.
PyObject* size_concat(PyObject* self, PyObject* other) {
  if (PyTuple_Check(other)) return size_add(self, other);
  return guarded([&]() -> PyObject* {
    detail::fail<TypeError>("can only concatenate tuple (not ", type_name(other), ") to ", shown_package, ".Size");
  });
}

PyObject* size_repeat(PyObject* self, Py_ssize_t times) {
  nb::object items = nb::steal(tuple_slot<ssizeargfunc, Py_sq_repeat>()(self, times));
  return items ? as_size(std::move(items)) : nullptr;
}

PyObject* size_numel(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    int64_t numel = 1;
    for (Py_ssize_t i = 0; i < tuple_size(self); ++i) {
      const int64_t size = PyLong_AsLongLong(tuple_item(self, i));
      if (size == -1 && PyErr_Occurred()) throw_python_error();
      numel = checked_mul(numel, size, "Size.numel");
    }
    return PyLong_FromLongLong(numel);
  });
}

PyObject* size_reduce(PyObject* self, PyObject*) {
  return Py_BuildValue("(O(N))", size_type, PyTuple_GetSlice(self, 0, tuple_size(self)));
}

PyMethodDef size_methods[] = {
    {"numel", size_numel, METH_NOARGS, "The number of elements of a tensor of this size."},
    {"__reduce__", size_reduce, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

PyObject* dtype_object(ScalarType dtype) { return dtype_objects[static_cast<size_t>(dtype)]; }
PyObject* strided_layout() { return strided; }

bool to_dtype(PyObject* object, ScalarType& out) {
  if (Py_TYPE(object) == dtype_type) {
    out = dtype_of_object(object);
  } else if (object == reinterpret_cast<PyObject*>(&PyFloat_Type)) {
    out = kDouble;
  } else if (object == reinterpret_cast<PyObject*>(&PyLong_Type)) {
    out = kLong;
  } else if (object == reinterpret_cast<PyObject*>(&PyBool_Type)) {
    out = kBool;
  } else if (object == reinterpret_cast<PyObject*>(&PyComplex_Type)) {
    out = kComplexDouble;
  } else {
    return false;
  }
  return true;
}

PyObject* make_size(IntArrayRef sizes) {
  PyObject* self = PyType_GenericAlloc(size_type, static_cast<Py_ssize_t>(sizes.size()));
  if (!self) return nullptr;
  for (size_t i = 0; i < sizes.size(); ++i) {
    PyObject* item = PyLong_FromLongLong(sizes[i]);
    if (!item) {
      Py_DECREF(self);
      return nullptr;
    }
    set_tuple_item(self, static_cast<Py_ssize_t>(i), item);
  }
  return self;
}

void init_named_objects(nb::module_& module) {
  dtype_type = make_named_type(module, "tenon.dtype", dtype_methods, dtype_properties);
  layout_type = make_named_type(module, "tenon.layout", named_methods, nullptr);
  memory_format_type = make_named_type(module, "tenon.memory_format", named_methods, nullptr);
  for (int i = 0; i < kDtypeCount; ++i) {
    dtype_objects[static_cast<size_t>(i)] = make_named(module, dtype_type, i, dtype_name(static_cast<ScalarType>(i)));
  }
  strided = make_named(module, layout_type, 0, "strided");
  make_named(module, layout_type, 1, "sparse_coo");
  make_named(module, memory_format_type, static_cast<int>(MemoryFormat::Contiguous), "contiguous_format");
  make_named(module, memory_format_type, static_cast<int>(MemoryFormat::Preserve), "preserve_format");
  make_named(module, memory_format_type, static_cast<int>(MemoryFormat::ChannelsLast), "channels_last");
  make_named(module, memory_format_type, static_cast<int>(MemoryFormat::ChannelsLast3d), "channels_last_3d");

  PyType_Slot slots[] = {
      {Py_tp_new, reinterpret_cast<void*>(size_new)},
      {Py_tp_repr, reinterpret_cast<void*>(size_repr)},
      {Py_mp_subscript, reinterpret_cast<void*>(size_item)},
      {Py_nb_add, reinterpret_cast<void*>(size_add)},
      {Py_sq_concat, reinterpret_cast<void*>(size_concat)},
      {Py_sq_repeat, reinterpret_cast<void*>(size_repeat)},
      {Py_tp_methods, size_methods},
      {Py_tp_doc, const_cast<char*>("The shape of a tensor: a tuple of ints.")},
      {0, nullptr},
  };
  PyType_Spec spec = {"tenon.Size", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, slots};
  nb::object bases = nb::make_tuple(nb::borrow(reinterpret_cast<PyObject*>(&PyTuple_Type)));
  size_type = reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpecWithBases(&spec, bases.ptr())));
  module.attr("Size") = nb::borrow(reinterpret_cast<PyObject*>(size_type));
  module.def("_shown_package", [] { return shown_package; });
  module.def(
      "_set_shown_package", [](std::string package) { shown_package = std::move(package); }, nb::arg("package"));
}

}  // namespace tenon::python
