// Python's containers as every file reads and fills them: by macros where the extension is built for one version of
// Python, by calls where one build serves all versions (Py_LIMITED_API). Depends on python.h only.
#pragma once

#include "python.h"

namespace tenon::python {

#ifdef Py_LIMITED_API
#define TENON_BY_ABI(one_version, all_versions) all_versions
#else
#define TENON_BY_ABI(one_version, all_versions) one_version
#endif

inline Py_ssize_t tuple_size(PyObject* tuple) { return TENON_BY_ABI(PyTuple_GET_SIZE, Py_SIZE)(tuple); }
inline PyObject* tuple_item(PyObject* tuple, Py_ssize_t i) {
  return TENON_BY_ABI(PyTuple_GET_ITEM, PyTuple_GetItem)(tuple, i);
}
// These take over the reference to `item`; the tuple or list must be new.
inline void set_tuple_item(PyObject* tuple, Py_ssize_t i, PyObject* item) {
  TENON_BY_ABI(PyTuple_SET_ITEM, PyTuple_SetItem)(tuple, i, item);
}
inline void set_list_item(PyObject* list, Py_ssize_t i, PyObject* item) {
  TENON_BY_ABI(PyList_SET_ITEM, PyList_SetItem)(list, i, item);
}
// Of lists and tuples alike.
inline Py_ssize_t sequence_size(PyObject* sequence) {
  return TENON_BY_ABI(PySequence_Fast_GET_SIZE, Py_SIZE)(sequence);
}
inline PyObject* sequence_item(PyObject* sequence, Py_ssize_t i) {
  return PyTuple_Check(sequence) ? tuple_item(sequence, i) : TENON_BY_ABI(PyList_GET_ITEM, PyList_GetItem)(sequence, i);
}
inline Py_ssize_t dict_size(PyObject* dict) { return TENON_BY_ABI(PyDict_GET_SIZE, PyDict_Size)(dict); }
inline double float_value(PyObject* number) { return TENON_BY_ABI(PyFloat_AS_DOUBLE, PyFloat_AsDouble)(number); }
inline const char* utf8(PyObject* text) { return PyUnicode_AsUTF8AndSize(text, nullptr); }
// A function as the method of an object.
inline PyObject* bind(PyObject* function, PyObject* object) {
#ifdef Py_LIMITED_API
  static PyObject* const method_type = nb::object(nb::module_::import_("types").attr("MethodType")).release().ptr();
  return PyObject_CallFunctionObjArgs(method_type, function, object, nullptr);
#else
  return PyMethod_New(function, object);
#endif
}

#undef TENON_BY_ABI

}  // namespace tenon::python
