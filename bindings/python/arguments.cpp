// See arguments.h.
#include "arguments.h"

#include <atomic>
#include <cmath>
#include <cstring>

#include "stable_abi.h"
#include "tenon/base/device.h"
#include "tenon/base/generator.h"
#include "threads.h"

namespace tenon::python {
namespace {

// A type of NumPy, if NumPy has been imported.
PyTypeObject* numpy_type(const char* name) {
  static PyObject* const numpy_name = PyUnicode_InternFromString("numpy");
  PyObject* numpy = PyImport_GetModule(numpy_name);
  if (!numpy) return nullptr;
  PyObject* type = PyObject_GetAttrString(numpy, name);
  Py_DECREF(numpy);
  if (!type) {
    PyErr_Clear();
    return nullptr;
  }
  // NumPy itself keeps its types alive.
  Py_DECREF(type);
  return reinterpret_cast<PyTypeObject*>(type);
}

bool is_instance_of_numpy(PyObject* object, const char* name, std::atomic<PyTypeObject*>& cache) {
  if (PyLong_CheckExact(object) || PyFloat_CheckExact(object) || PyTuple_CheckExact(object) ||
      PyList_CheckExact(object)) {
    return false;
  }
  PyTypeObject* type = cache.load(std::memory_order_relaxed);
  if (!type) {
    type = numpy_type(name);
    cache.store(type, std::memory_order_relaxed);
  }
  return type && PyType_IsSubtype(Py_TYPE(object), type);
}

// An integer of Python as int64; throws when 64 bits do not hold it.
int64_t checked_int(PyObject* integer) {
  int overflow = 0;
  const int64_t value = PyLong_AsLongLongAndOverflow(integer, &overflow);
  TENON_CHECK_VALUE(overflow == 0, "Overflow when unpacking long: the integer does not fit 64 bits");
  if (value == -1 && PyErr_Occurred()) throw_python_error();
  return value;
}

// The same, or as uint64 where that holds it.
Scalar checked_number(PyObject* integer) {
  int overflow = 0;
  PyLong_AsLongLongAndOverflow(integer, &overflow);
  if (overflow > 0) {
    const uint64_t value = PyLong_AsUnsignedLongLong(integer);
    if (!PyErr_Occurred()) return value;
    PyErr_Clear();
  }
  return checked_int(integer);
}

int64_t index_value(PyObject* object) {
  if (PyLong_Check(object)) return checked_int(object);
  return checked_int(steal(PyNumber_Index(object)).ptr());
}

// A NumPy scalar as the Python number it converts to.
nb::object numpy_item(PyObject* object) { return steal(PyObject_CallMethod(object, "item", nullptr)); }

template <class F>
bool visit_sequence(PyObject* object, F&& visit) {
  if (PyTuple_Check(object)) {
    for (Py_ssize_t i = 0; i < tuple_size(object); ++i) {
      if (!visit(tuple_item(object, i))) return false;
    }
    return true;
  }
  if (!PyList_Check(object)) return false;
  for (Py_ssize_t i = 0; i < sequence_size(object); ++i) {
    const nb::object item = item_of(object, i);
    if (!item.is_valid() || !visit(item.ptr())) return false;
  }
  return true;
}

}  // namespace

bool is_numpy_scalar(PyObject* object) {
  static std::atomic<PyTypeObject*> generic = nullptr;
  return is_instance_of_numpy(object, "generic", generic);
}

bool is_numpy_array(PyObject* object) {
  static std::atomic<PyTypeObject*> array = nullptr;
  return is_instance_of_numpy(object, "ndarray", array);
}

bool is_integer(PyObject* object) {
  if (PyLong_Check(object)) return !PyBool_Check(object);
  return !is_tensor(object) && PyIndex_Check(object) && !is_numpy_array(object);
}

bool to_number(PyObject* object, Scalar& out) {
  if (PyFloat_Check(object)) {
    out = float_value(object);
  } else if (PyBool_Check(object)) {
    out = object == Py_True;
  } else if (PyLong_Check(object)) {
    out = checked_number(object);
  } else if (PyComplex_Check(object)) {
    out = std::complex<double>(PyComplex_RealAsDouble(object), PyComplex_ImagAsDouble(object));
  } else if (is_numpy_scalar(object)) {
    nb::object item = numpy_item(object);
    return !is_numpy_scalar(item.ptr()) && to_number(item.ptr(), out);
  } else {
    return false;
  }
  return true;
}

PyObject* to_python_int(const Scalar& scalar) {
  if (scalar.kind() == Scalar::Kind::Unsigned) return PyLong_FromUnsignedLongLong(scalar.to<uint64_t>());
  return PyLong_FromLongLong(scalar.to_int64());
}

bool to_int(PyObject* object, int64_t& out) {
  if (!is_integer(object)) return false;
  out = index_value(object);
  return true;
}

bool to_float(PyObject* object, double& out) {
  Scalar number;
  if (!to_number(object, number) || number.is_complex()) return false;
  out = number.to_double();
  return true;
}

bool to_bool(PyObject* object, bool& out) {
  Scalar number;
  if (PyBool_Check(object)) {
    out = object == Py_True;
  } else if (is_numpy_scalar(object) && to_number(object, number) && number.is_bool()) {
    out = number.to<bool>();
  } else {
    return false;
  }
  return true;
}

bool to_int_list(PyObject* object, std::vector<int64_t>& out) {
  out.clear();
  return visit_sequence(object, [&](PyObject* item) {
    int64_t value = 0;
    Scalar number;
    if (to_int(item, value)) {
      out.push_back(value);
    } else if (zero_dim_tensor_to_number(item, true, number)) {
      out.push_back(number.to_int64());
    } else {
      return false;
    }
    return true;
  });
}

bool to_float_list(PyObject* object, std::vector<double>& out) {
  out.clear();
  return visit_sequence(object, [&](PyObject* item) {
    double value = 0;
    if (!to_float(item, value)) return false;
    out.push_back(value);
    return true;
  });
}

bool to_tensor_list(PyObject* object, std::vector<Tensor>& out) {
  out.clear();
  return visit_sequence(object, [&](PyObject* item) {
    if (!is_tensor(item)) return false;
    out.push_back(unwrap(item));
    return true;
  });
}

bool to_string(PyObject* object, std::string& out) {
  if (!PyUnicode_Check(object)) return false;
  Py_ssize_t size = 0;
  const char* text = PyUnicode_AsUTF8AndSize(object, &size);
  if (!text) throw_python_error();
  out.assign(text, static_cast<size_t>(size));
  return true;
}

bool to_device(PyObject* object, Device& out) {
  std::string text;
  int64_t index = 0;
  if (nb::isinstance<Device>(object)) {
    out = *nb::inst_ptr<Device>(object);
  } else if (to_string(object, text)) {
    out = Device(text);
  } else if (to_int(object, index)) {
    TENON_CHECK(index >= 0 && index < 128, "device: the index ", index, " is out of range");
    out = Device(kCUDA, static_cast<int>(index));
  } else {
    return false;
  }
  return true;
}

bool to_generator(PyObject* object, Generator& out) {
  if (!nb::isinstance<Generator>(object)) return false;
  out = *nb::inst_ptr<Generator>(object);
  return true;
}

bool zero_dim_tensor_to_number(PyObject* object, bool integral, Scalar& out) {
  if (!is_tensor(object)) return false;
  const Tensor& tensor = unwrap(object);
  if (tensor.dim() != 0 || (integral ? !is_integral(tensor.dtype(), false) : tensor.requires_grad())) return false;
  out = tensor.item();
  return true;
}

namespace {

// One of the numeric kinds, which take 0-d tensors when `loose`.
bool to_numeric_value(PyObject* object, ParamKind kind, bool loose, Value& out) {
  Scalar number;
  int64_t integer = 0;
  double real = 0;
  bool truth = false;
  if (kind == ParamKind::Scalar && to_number(object, number)) {
    out = number;
  } else if (kind == ParamKind::Int && to_int(object, integer)) {
    out = Scalar(integer);
  } else if (kind == ParamKind::Float && to_float(object, real)) {
    out = Scalar(real);
  } else if (kind == ParamKind::Bool && to_bool(object, truth)) {
    out = Scalar(truth);
  } else if (loose && zero_dim_tensor_to_number(object, kind == ParamKind::Int, number)) {
    if (kind == ParamKind::Bool && !number.is_bool()) return false;
    out = number;
  } else {
    return false;
  }
  return true;
}

}  // namespace

bool to_value(PyObject* object, ParamKind kind, bool loose, Value& out) {
  switch (kind) {
    case ParamKind::Tensor:
      if (!is_tensor(object)) return false;
      out = unwrap(object);
      return true;
    case ParamKind::Scalar:
    case ParamKind::Int:
    case ParamKind::Float:
    case ParamKind::Bool:
      return to_numeric_value(object, kind, loose, out);
    case ParamKind::IntList: {
      std::vector<int64_t> list;
      int64_t one = 0;
      if (to_int(object, one)) {
        list.push_back(one);
      } else if (!to_int_list(object, list)) {
        Scalar number;
        if (!loose || !zero_dim_tensor_to_number(object, true, number)) return false;
        list.assign(1, number.to_int64());
      }
      out = std::move(list);
      return true;
    }
    case ParamKind::FloatList: {
      std::vector<double> list;
      if (!to_float_list(object, list)) return false;
      out = std::move(list);
      return true;
    }
    case ParamKind::TensorList: {
      std::vector<Tensor> list;
      if (!to_tensor_list(object, list)) return false;
      out = std::move(list);
      return true;
    }
    case ParamKind::String: {
      std::string text;
      if (!to_string(object, text)) return false;
      out = std::move(text);
      return true;
    }
    case ParamKind::Dtype: {
      ScalarType dtype;
      if (!to_dtype(object, dtype)) return false;
      out = dtype;
      return true;
    }
    case ParamKind::Device: {
      Device device;
      if (!to_device(object, device)) return false;
      out = device;
      return true;
    }
    case ParamKind::MemoryFormat:
      if (Py_TYPE(object) != memory_format_type) return false;
      out = memory_format_of_object(object);
      return true;
    case ParamKind::Generator:
      if (!nb::isinstance<Generator>(object)) return false;
      out = *nb::inst_ptr<Generator>(object);
      return true;
    case ParamKind::Options:
      return false;
  }
  return false;
}

const char* kind_name(ParamKind kind) {
  switch (kind) {
    case ParamKind::Tensor: return "Tensor";
    case ParamKind::Scalar: return "Number";
    case ParamKind::Int: return "int";
    case ParamKind::Float: return "float";
    case ParamKind::Bool: return "bool";
    case ParamKind::IntList: return "tuple of ints";
    case ParamKind::FloatList: return "tuple of floats";
    case ParamKind::TensorList: return "tuple of Tensors";
    case ParamKind::String: return "str";
    case ParamKind::Dtype: return "dtype";
    case ParamKind::Device: return "device";
    case ParamKind::MemoryFormat: return "memory_format";
    case ParamKind::Options: return "options";
    case ParamKind::Generator: return "Generator";
  }
  return "object";
}

}  // namespace tenon::python

namespace nanobind::detail {

bool type_caster<tenon::Scalar>::from_python(handle source, uint32_t, cleanup_list*) noexcept {
  try {
    return tenon::python::to_number(source.ptr(), value);
  } catch (...) {
    return false;
  }
}

handle type_caster<tenon::Scalar>::from_cpp(const tenon::Scalar& scalar, rv_policy, cleanup_list*) noexcept {
  if (scalar.is_bool()) return PyBool_FromLong(scalar.to<bool>());
  if (scalar.is_integral()) return tenon::python::to_python_int(scalar);
  if (scalar.is_floating_point()) return PyFloat_FromDouble(scalar.to_double());
  const auto value = scalar.to<std::complex<double>>();
  return PyComplex_FromDoubles(value.real(), value.imag());
}

}  // namespace nanobind::detail
