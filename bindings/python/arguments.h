// Python objects as C++ arguments: each function tells whether the object fits, and fills `out` if so.
// What has the right type and a wrong value (an int of more than 64 bits) throws.
#pragma once

#include <string>
#include <vector>

#include "named_objects.h"
#include "python.h"
#include "tenon/base/scalar.h"
#include "tenon/ops/registry.h"
#include "tensor_type.h"

namespace tenon::python {

// Python's and NumPy's integers, but no bools and no tensors.
bool is_integer(PyObject* object);
// Whether `object` is one of NumPy's scalars; NumPy is not imported for it.
bool is_numpy_scalar(PyObject* object);
// Whether `object` is a NumPy array.
bool is_numpy_array(PyObject* object);

// Python's and NumPy's numbers, and bools.
bool to_number(PyObject* object, Scalar& out);
bool to_int(PyObject* object, int64_t& out);
bool to_float(PyObject* object, double& out);
bool to_bool(PyObject* object, bool& out);
// A list or tuple of integers, of which some may be 0-d integer tensors.
bool to_int_list(PyObject* object, std::vector<int64_t>& out);
// A list or tuple of real numbers.
bool to_float_list(PyObject* object, std::vector<double>& out);
bool to_tensor_list(PyObject* object, std::vector<Tensor>& out);
bool to_string(PyObject* object, std::string& out);
// A device, its name, or the number of a CUDA device.
bool to_device(PyObject* object, Device& out);
bool to_generator(PyObject* object, Generator& out);

// An integral scalar as Python's int.
PyObject* to_python_int(const Scalar& scalar);

// A 0-d tensor where a number is wanted. `integral` asks for an integer dtype.
bool zero_dim_tensor_to_number(PyObject* object, bool integral, Scalar& out);

// `object` as a boxed argument of `kind`. `loose` takes 0-d tensors for numbers and one number for a list of them.
bool to_value(PyObject* object, ParamKind kind, bool loose, Value& out);

// What a signature in an error message calls a kind.
const char* kind_name(ParamKind kind);

}  // namespace tenon::python

namespace nanobind::detail {

template <>
struct type_caster<tenon::Scalar> {
  NB_TYPE_CASTER(tenon::Scalar, const_name("int | float | bool | complex"))
  bool from_python(handle source, uint32_t, cleanup_list*) noexcept;
  static handle from_cpp(const tenon::Scalar& scalar, rv_policy, cleanup_list*) noexcept;
};

template <>
struct type_caster<tenon::ScalarType> {
  NB_TYPE_CASTER(tenon::ScalarType, const_name("dtype"))
  bool from_python(handle source, uint32_t, cleanup_list*) noexcept {
    return tenon::python::to_dtype(source.ptr(), value);
  }
  static handle from_cpp(tenon::ScalarType dtype, rv_policy, cleanup_list*) noexcept {
    return Py_NewRef(tenon::python::dtype_object(dtype));
  }
};

template <>
struct type_caster<tenon::MemoryFormat> {
  NB_TYPE_CASTER(tenon::MemoryFormat, const_name("memory_format"))
  bool from_python(handle source, uint32_t, cleanup_list*) noexcept {
    if (Py_TYPE(source.ptr()) != tenon::python::memory_format_type) return false;
    value = tenon::python::memory_format_of_object(source.ptr());
    return true;
  }
};

}  // namespace nanobind::detail
