// The attributes of nn.Module: its parameters, buffers and submodules are found in the dicts that hold them without the
// error that Python would first raise for a name that the instance lacks.
#include "python.h"

namespace tenon::python {

namespace {

// The __getattr__ of nn.Module, the first class that is told of; lives as long as the program.
PyObject* module_getattr;

PyObject* name_of(const char* text) { return checked(PyUnicode_InternFromString(text)); }

// An entry of a dict, or null; with a Python error or without.
nb::object entry(nb::handle dict, PyObject* name) {
  PyObject* value = nullptr;
  if (!dict.is_valid() || !PyDict_Check(dict.ptr())) return {};
#if PY_VERSION_HEX >= 0x030D0000
  PyDict_GetItemRef(dict.ptr(), name, &value);
#else
  value = Py_XNewRef(PyDict_GetItemWithError(dict.ptr(), name));
#endif
  return nb::steal(value);
}

// The instance's attributes and what its class says; as object.__getattribute__, but null without an error where there
// is nothing.
PyObject* own_attribute(PyObject* self, nb::handle attributes, PyObject* name) {
  PyTypeObject* type = Py_TYPE(self);
  nb::object found = nb::borrow(_PyType_Lookup(type, name));
  const descrgetfunc get = found.is_valid() ? Py_TYPE(found.ptr())->tp_descr_get : nullptr;
  if (get && Py_TYPE(found.ptr())->tp_descr_set) return get(found.ptr(), self, reinterpret_cast<PyObject*>(type));
  if (nb::object value = entry(attributes, name); value.is_valid()) return value.release().ptr();
  if (PyErr_Occurred()) return nullptr;
  return get ? get(found.ptr(), self, reinterpret_cast<PyObject*>(type)) : found.release().ptr();
}

PyObject* get_attribute(PyObject* self, PyObject* name) {
  static PyObject* const holders[] = {name_of("_parameters"), name_of("_buffers"), name_of("_modules")};
  nb::object attributes = nb::steal(PyObject_GenericGetDict(self, nullptr));
  if (!attributes.is_valid()) return nullptr;
  if (PyObject* value = own_attribute(self, attributes, name)) return value;
  if (PyErr_Occurred()) {
    // A property that raises this leaves the name to the dicts, as it would in Python.
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return nullptr;
    PyErr_Clear();
  }
  for (PyObject* holder : holders) {
    nb::object value = entry(entry(attributes, holder), name);
    if (value.is_valid()) return value.release().ptr();
    if (PyErr_Occurred()) return nullptr;
  }
  // Raises the error.
  return PyObject_CallFunctionObjArgs(module_getattr, self, name, nullptr);
}

// Gives the class this way of finding attributes, unless it or a base below nn.Module has its own. Python takes it back
// where the class is later given one.
void find_module_attributes(nb::handle object) {
  auto* type = reinterpret_cast<PyTypeObject*>(object.ptr());
  static PyObject* const getattr_name = name_of("__getattr__");
  static PyObject* const getattribute_name = name_of("__getattribute__");
  if (!module_getattr) module_getattr = Py_NewRef(checked(_PyType_Lookup(type, getattr_name)));
  PyObject* object_getattribute = _PyType_Lookup(&PyBaseObject_Type, getattribute_name);
  if (_PyType_Lookup(type, getattr_name) == module_getattr &&
      _PyType_Lookup(type, getattribute_name) == object_getattribute) {
    type->tp_getattro = get_attribute;
  }
}

}  // namespace

void init_module_attributes(nb::module_& module) { module.def("_find_module_attributes", find_module_attributes); }

}  // namespace tenon::python
