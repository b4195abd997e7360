// What every file of the extension module shares: the Python API, errors across the language border, and the GIL.
// Depends on Python, nanobind and Tenon's public headers only.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#include "tenon/base/error.h"

namespace nb = nanobind;

namespace tenon::python {

// Raises `type` with a text whose bytes may come from anywhere.
void set_error(PyObject* type, const char* text) noexcept;

// Turns the C++ exception in flight into the Python error of its kind; call it inside a catch block.
void set_python_error() noexcept;

// What an error text calls the type of an object.
std::string type_name(nb::handle object);

// Throws the Python error that a failed API call left behind.
[[noreturn]] inline void throw_python_error() { throw nb::python_error(); }

// A new reference that must not be null.
inline PyObject* checked(PyObject* object) {
  if (!object) throw_python_error();
  return object;
}
inline nb::object steal(PyObject* object) { return nb::steal(checked(object)); }
inline void check_status(int status) {
  if (status < 0) throw_python_error();
}

// Runs `body` at the border to Python: an exception becomes a Python error and the value is then `failed`.
template <class F, class R = std::invoke_result_t<F>>
R guarded(F&& body, R failed = R()) noexcept {
  try {
    return body();
  } catch (...) {
    set_python_error();
    return failed;
  }
}

// Lets other Python threads run within its life, where the work is long enough to pay for the switch.
class ReleaseGil {
 public:
  explicit ReleaseGil(bool release = true) : state_(release ? PyEval_SaveThread() : nullptr) {}
  ~ReleaseGil() {
    if (state_) PyEval_RestoreThread(state_);
  }
  ReleaseGil(const ReleaseGil&) = delete;

 private:
  PyThreadState* state_;
};

// Below this many elements to read an op is done before another thread could take the GIL, if it makes no more than the
// second: what it makes can be as large as the product of all sizes, by broadcasting or as an outer product.
inline constexpr int64_t kReleaseGilElements = 2048;
inline constexpr double kReleaseGilProduct = 65536;

// Whether this thread ends the interpreter, which still stands.
bool ends_interpreter();

// Runs `release`, which gives something back to Python, on any thread. While the interpreter ends only the thread that
// ends it may do so; what is left after that is left to the system.
template <class F>
void release_to_python(F&& release) {
  if (!Py_IsInitialized() && !ends_interpreter()) return;
  const PyGILState_STATE before = PyGILState_Ensure();
  release();
  PyGILState_Release(before);
}

// A reference to a Python object that C++ code keeps and may drop on any thread.
class SharedObject {
 public:
  explicit SharedObject(nb::object object)
      : object_(object.release().ptr(), [](PyObject* held) { release_to_python([held] { Py_DECREF(held); }); }) {}
  nb::handle get() const { return object_.get(); }
  // Whether no copy of this reference is about.
  bool is_only() const { return object_.use_count() == 1; }

 private:
  std::shared_ptr<PyObject> object_;
};

// Each file's part of the module, run once at import.
void init_errors(nb::module_& module);
void init_named_objects(nb::module_& module);
void init_devices(nb::module_& module);
void init_tensor_type(nb::module_& module);
void init_overrides(nb::module_& module);
void init_tensor_methods(nb::module_& module);
void init_ops(nb::module_& module);
void init_creation(nb::module_& module);
void init_interop(nb::module_& module);
void init_nodes(nb::module_& module);
void init_autograd(nb::module_& module);
void init_runtime(nb::module_& module);
void init_initialization(nb::module_& module);
void init_module_attributes(nb::module_& module);
void init_optim(nb::module_& module);
void init_autocast(nb::module_& module);
void init_io(nb::module_& module);
void init_shared_memory(nb::module_& module);
void init_text(nb::module_& module);

}  // namespace tenon::python
