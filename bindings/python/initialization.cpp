// nn::init as _C.nn_init; bindings/python/tenon/nn/init.py gives it PyTorch's signatures.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include "arguments.h"
#include "tenon/nn/init.h"

namespace tenon::python {

void init_initialization(nb::module_& module) {
  nb::module_ init = module.def_submodule("nn_init");
  // Each fills its first argument, which the caller holds already.
  auto add = [&]<class... Args>(const char* name, const Tensor& (*fill)(const Tensor&, Args...)) {
    init.def(
        name, [fill](const Tensor& tensor, Args... args) { fill(tensor, args...); },
        nb::call_guard<nb::gil_scoped_release>());
  };
  add("uniform_", nn::init::uniform_);
  add("normal_", nn::init::normal_);
  add("trunc_normal_", nn::init::trunc_normal_);
  add("constant_", nn::init::constant_);
  add("eye_", nn::init::eye_);
  add("dirac_", nn::init::dirac_);
  add("xavier_uniform_", nn::init::xavier_uniform_);
  add("xavier_normal_", nn::init::xavier_normal_);
  add("kaiming_uniform_", nn::init::kaiming_uniform_);
  add("kaiming_normal_", nn::init::kaiming_normal_);
  add("sparse_", nn::init::sparse_);
  add("orthogonal_", nn::init::orthogonal_);
  init.def("calculate_gain", nn::init::calculate_gain);
  init.def("calculate_fan_in_and_fan_out", nn::init::_calculate_fan_in_and_fan_out);
}

}  // namespace tenon::python
