// Tenon's errors as Python exceptions: each C++ class becomes the builtin of its name or a subclass of RuntimeError.
#include <nanobind/stl/string.h>

#include <cstring>
#include <new>

#include "python.h"

namespace tenon::python {
namespace {

PyObject* tensor_error;
PyObject* device_error;
PyObject* out_of_memory_error;
PyObject* linalg_error;

PyObject* new_exception(nb::module_& module, const char* name, const char* doc, const char* package = "tenon.") {
  const std::string qualified = std::string(package) + name;
  PyObject* type = checked(PyErr_NewExceptionWithDoc(qualified.c_str(), doc, PyExc_RuntimeError, nullptr));
  module.attr(name) = nb::borrow(type);
  return type;
}

}  // namespace

void set_error(PyObject* type, const char* text) noexcept {
  // A file's bytes in a text need not be UTF-8.
  PyObject* const message = PyUnicode_DecodeUTF8(text, static_cast<Py_ssize_t>(std::strlen(text)), "backslashreplace");
  if (!message) return;
  PyErr_SetObject(type, message);
  Py_DECREF(message);
}

void set_python_error() noexcept {
  try {
    throw;
  } catch (nb::python_error& error) {
    error.restore();
  } catch (const TensorError& error) {
    set_error(tensor_error, error.what());
  } catch (const DeviceError& error) {
    set_error(device_error, error.what());
  } catch (const IndexError& error) {
    set_error(PyExc_IndexError, error.what());
  } catch (const ValueError& error) {
    set_error(PyExc_ValueError, error.what());
  } catch (const TypeError& error) {
    set_error(PyExc_TypeError, error.what());
  } catch (const NotImplementedError& error) {
    set_error(PyExc_NotImplementedError, error.what());
  } catch (const LinAlgError& error) {
    set_error(linalg_error, error.what());
  } catch (const OutOfMemoryError& error) {
    set_error(out_of_memory_error, error.what());
  } catch (const std::bad_alloc&) {
    set_error(out_of_memory_error, "out of memory");
  } catch (const std::exception& error) {
    set_error(PyExc_RuntimeError, error.what());
  } catch (...) {
    set_error(PyExc_RuntimeError, "unknown C++ exception");
  }
}

std::string type_name(nb::handle object) {
  const nb::handle type = object.type();
  std::string name = nb::cast<std::string>(type.attr("__name__"));
  const std::string package = nb::cast<std::string>(nb::str(type.attr("__module__")));
  // Python's own classes go by their name alone; those of C, which cannot be changed, have their module in it.
  const bool is_of_c = PyType_GetFlags(reinterpret_cast<PyTypeObject*>(type.ptr())) & Py_TPFLAGS_IMMUTABLETYPE;
  return is_of_c && package != "builtins" ? package + "." + name : name;
}

void init_errors(nb::module_& module) {
  tensor_error = new_exception(module, "TensorError", "Tensors of wrong shapes, dtypes or states.");
  device_error = new_exception(module, "DeviceError", "A device that is missing, mixed or failing.");
  out_of_memory_error = new_exception(module, "OutOfMemoryError", "A device has no memory left for a request.");
  linalg_error = new_exception(module, "LinAlgError", "A matrix that a decomposition cannot take.", "tenon.linalg.");
  nb::register_exception_translator([](const std::exception_ptr& exception, void*) {
    try {
      std::rethrow_exception(exception);
    } catch (const Error&) {
      set_python_error();
    } catch (const std::bad_alloc&) {
      set_python_error();
    }
  });
}

}  // namespace tenon::python
