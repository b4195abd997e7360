// The extension module tenon._C: what the Python package is made of.
#include "python.h"

#include <atomic>

namespace tenon::python {
namespace {

std::atomic<std::thread::id> ending_thread;

// The thread that ends the interpreter first runs what was registered for its exit.
void init_ending() {
  const auto note = [] { ending_thread = std::this_thread::get_id(); };
  nb::module_::import_("atexit").attr("register")(nb::cpp_function(note));
}

}  // namespace

bool ends_interpreter() {
  return std::this_thread::get_id() == ending_thread.load() && PyGILState_GetThisThreadState();
}

}  // namespace tenon::python

NB_MODULE(_C, module) {
  using namespace tenon::python;
  // At its exit a program may well hold a graph whose hooks hold the program; the tests ask for the report.
  nb::set_leak_warnings(false);
  module.def("_set_leak_warnings", nb::set_leak_warnings, nb::arg("on"));
  init_ending();
  init_errors(module);
  init_named_objects(module);
  init_tensor_type(module);
  init_overrides(module);
  init_devices(module);
  init_tensor_methods(module);
  init_ops(module);
  init_creation(module);
  init_interop(module);
  init_nodes(module);
  init_autograd(module);
  init_runtime(module);
  init_initialization(module);
  init_module_attributes(module);
  init_optim(module);
  init_autocast(module);
  init_io(module);
  init_shared_memory(module);
  init_text(module);
}
