// The attributes of nn.Module: its parameters, buffers and submodules are found in the dicts that hold them without the
// error that Python would first raise for a name that the instance lacks.
#include "threads.h"

namespace tenon::python {

namespace {

// The __getattr__ of nn.Module, the first class that is told of; lives as long as the program.
PyObject* module_getattr;

PyObject* name_of(const char* text) { return checked(PyUnicode_InternFromString(text)); }

// An entry of a dict, or null; with a Python error or without.
nb::object entry(nb::handle dict, PyObject* name) {
  PyObject* value = nullptr;
  if (!dict.is_valid() || !PyDict_Check(dict.ptr())) return {};
#ifdef Py_GIL_DISABLED
  PyDict_GetItemRef(dict.ptr(), name, &value);
#else
  value = Py_XNewRef(PyDict_GetItemWithError(dict.ptr(), name));
#endif
  return nb::steal(value);
}

// A parameter, buffer or submodule, of which `attributes` has the dicts, or else the error of nn.Module.
PyObject* held_attribute(PyObject* self, nb::handle attributes, PyObject* name) {
  static PyObject* const holders[] = {name_of("_parameters"), name_of("_buffers"), name_of("_modules")};
  for (PyObject* holder : holders) {
    nb::object value = entry(entry(attributes, holder), name);
    if (value.is_valid()) return value.release().ptr();
    if (PyErr_Occurred()) return nullptr;
  }
  return PyObject_CallFunctionObjArgs(module_getattr, self, name, nullptr);
}

nb::object attributes_of(PyObject* self) { return nb::steal(PyObject_GenericGetDict(self, nullptr)); }

#ifdef Py_LIMITED_API

// From Python 3.12 on no error is raised before __getattr__ is asked, so that need only be quick.
void find_module_attributes(nb::handle type) {
  if (module_getattr) return;
  module_getattr = type.attr("__getattr__").inc_ref().ptr();
  const auto getattr = [](nb::handle self, nb::handle name) {
    return steal(held_attribute(self.ptr(), attributes_of(self.ptr()), name.ptr()));
  };
  nb::setattr(type, "__getattr__", nb::cpp_function(getattr, nb::is_method()));
}

#else

// The instance's attributes and what its class says; as object.__getattribute__, but null without an error where there
// is nothing.
PyObject* own_attribute(PyObject* self, nb::handle attributes, PyObject* name) {
  PyTypeObject* type = Py_TYPE(self);
  nb::object found = find_attribute(type, name);
  const descrgetfunc get = found.is_valid() ? Py_TYPE(found.ptr())->tp_descr_get : nullptr;
  if (get && Py_TYPE(found.ptr())->tp_descr_set) return get(found.ptr(), self, reinterpret_cast<PyObject*>(type));
  if (nb::object value = entry(attributes, name); value.is_valid()) return value.release().ptr();
  if (PyErr_Occurred()) return nullptr;
  return get ? get(found.ptr(), self, reinterpret_cast<PyObject*>(type)) : found.release().ptr();
}

PyObject* get_attribute(PyObject* self, PyObject* name) {
  const nb::object attributes = attributes_of(self);
  if (!attributes.is_valid()) return nullptr;
  if (PyObject* value = own_attribute(self, attributes, name)) return value;
  if (PyErr_Occurred()) {
    // A property that raises this leaves the name to the dicts, as it would in Python.
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return nullptr;
    PyErr_Clear();
  }
  return held_attribute(self, attributes, name);
}

// Gives the class this way of finding attributes, unless it or a base below nn.Module has its own. Python takes it back
// where the class is later given one.
void find_module_attributes(nb::handle object) {
  auto* type = reinterpret_cast<PyTypeObject*>(object.ptr());
  static PyObject* const getattr_name = name_of("__getattr__");
  static PyObject* const getattribute_name = name_of("__getattribute__");
  if (!module_getattr) module_getattr = find_attribute(type, getattr_name).release().ptr();
  const nb::object object_getattribute = find_attribute(&PyBaseObject_Type, getattribute_name);
  if (find_attribute(type, getattr_name).is(module_getattr) &&
      find_attribute(type, getattribute_name).is(object_getattribute)) {
    type->tp_getattro = get_attribute;
  }
}

#endif

}  // namespace

void init_module_attributes(nb::module_& module) { module.def("_find_module_attributes", find_module_attributes); }

}  // namespace tenon::python
