// The state of autocast, which tenon/amp sets for its regions.
#include "tenon/ops/autocast.h"

#include <nanobind/stl/string.h>

#include <string>

#include "python.h"

namespace tenon::python {
namespace {

DeviceType device_named(const std::string& name) {
  if (name == "cpu") return kCPU;
  TENON_CHECK(name == "cuda", "autocast: unknown device type '", name, "': 'cpu' and 'cuda' are known");
  return kCUDA;
}

}  // namespace

void init_autocast(nb::module_& module) {
  module.def(
      "is_autocast_enabled",
      [](const std::string& device_type) { return autocast::is_autocast_enabled(device_named(device_type)); },
      nb::arg("device_type") = "cuda", "Whether ops on this kind of device convert their arguments.");
  module.def(
      "set_autocast_enabled",
      [](const std::string& device_type, bool enabled) {
        autocast::set_autocast_enabled(device_named(device_type), enabled);
      },
      nb::arg("device_type"), nb::arg("enabled"), "Switches autocast on this kind of device.");
  module.def(
      "get_autocast_dtype",
      [](const std::string& device_type) { return autocast::get_autocast_dtype(device_named(device_type)); },
      nb::arg("device_type"), "The shorter dtype of autocast.");
  module.def(
      "set_autocast_dtype",
      [](const std::string& device_type, ScalarType dtype) {
        autocast::set_autocast_dtype(device_named(device_type), dtype);
      },
      nb::arg("device_type"), nb::arg("dtype"), "Sets the shorter dtype of autocast.");
  module.def("is_autocast_cache_enabled", autocast::is_autocast_cache_enabled,
             "Whether autocast keeps converted weights.");
  module.def("set_autocast_cache_enabled", autocast::set_autocast_cache_enabled, nb::arg("enabled"),
             "Sets whether autocast keeps converted weights.");
  module.def("autocast_increment_nesting", autocast::increment_nesting, "Enters a region.");
  module.def("autocast_decrement_nesting", autocast::decrement_nesting, "Leaves a region.");
  module.def("clear_autocast_cache", autocast::clear_cache, "Drops converted weights.");
}

}  // namespace tenon::python
