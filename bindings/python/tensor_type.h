// The Python type of tensors: how an object is unwrapped to a Tensor and a Tensor wrapped as an object.
// A TensorImpl knows its object (weakly), so that the same tensor is always the same object while that lives.
#pragma once

#include "python.h"
#include "tenon/tensor/tensor.h"

namespace tenon::python {

struct PyTensor {
  PyObject_HEAD
  PyObject* dict;
  PyObject* weak_references;
  Tensor tensor;  // always defined
};

extern PyTypeObject* tensor_type;

inline bool is_tensor(PyObject* object) {
  return Py_TYPE(object) == tensor_type || PyType_IsSubtype(Py_TYPE(object), tensor_type);
}
// `object` must be a tensor.
inline const Tensor& unwrap(PyObject* object) { return reinterpret_cast<PyTensor*>(object)->tensor; }

// A new reference to the object of `tensor`; None when it is undefined.
PyObject* wrap(Tensor tensor);
// A new object of the subclass `type` for `tensor`, which must not have an object yet.
PyObject* wrap_as(PyTypeObject* type, Tensor tensor);

}  // namespace tenon::python

namespace nanobind::detail {

template <>
struct type_caster<tenon::Tensor> {
  NB_TYPE_CASTER(tenon::Tensor, const_name("Tensor"))
  bool from_python(handle source, uint32_t, cleanup_list*) noexcept {
    if (!tenon::python::is_tensor(source.ptr())) return false;
    value = tenon::python::unwrap(source.ptr());
    return true;
  }
  static handle from_cpp(const tenon::Tensor& tensor, rv_policy, cleanup_list*) noexcept {
    return tenon::python::wrap(tensor);
  }
};

}  // namespace nanobind::detail
