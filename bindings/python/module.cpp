// The extension module tenon._C: what the Python package is made of.
#include "python.h"

NB_MODULE(_C, module) {
  using namespace tenon::python;
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
  init_shared_memory(module);
}
