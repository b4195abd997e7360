// Tenon's errors as Python exceptions: each C++ class becomes the builtin of its name or a subclass of RuntimeError.
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

void set_python_error() noexcept {
  try {
    throw;
  } catch (nb::python_error& error) {
    error.restore();
  } catch (const TensorError& error) {
    PyErr_SetString(tensor_error, error.what());
  } catch (const DeviceError& error) {
    PyErr_SetString(device_error, error.what());
  } catch (const IndexError& error) {
    PyErr_SetString(PyExc_IndexError, error.what());
  } catch (const ValueError& error) {
    PyErr_SetString(PyExc_ValueError, error.what());
  } catch (const TypeError& error) {
    PyErr_SetString(PyExc_TypeError, error.what());
  } catch (const NotImplementedError& error) {
    PyErr_SetString(PyExc_NotImplementedError, error.what());
  } catch (const LinAlgError& error) {
    PyErr_SetString(linalg_error, error.what());
  } catch (const OutOfMemoryError& error) {
    PyErr_SetString(out_of_memory_error, error.what());
  } catch (const std::bad_alloc&) {
    PyErr_SetString(out_of_memory_error, "out of memory");
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  } catch (...) {
    PyErr_SetString(PyExc_RuntimeError, "unknown C++ exception");
  }
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
