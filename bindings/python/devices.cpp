// tenon.device and tenon.Generator.
#include "devices.h"

#include <nanobind/operators.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include "arguments.h"
#include "creation.h"
#include "tenon/backend/cuda.h"
#include "tenon/base/generator.h"
#include "tenon/tensor/options.h"

namespace tenon::python {
namespace {

DeviceType device_type(std::string_view name) {
  const Device device(name);
  TENON_CHECK_VALUE(!device.has_index(), "device: the type '", name, "' must not name an index when one is given");
  return device.type();
}

Device numbered(DeviceType type, int index) {
  TENON_CHECK_AS(Error, index >= 0, "device: Device index must not be negative, got ", index);
  return Device(type, index);
}

// The default devices around the blocks that this thread has entered.
thread_local std::vector<Device> entered_devices;

// A seed is any integer of 64 bits, with or without a sign.
uint64_t seed_argument(PyObject* seed) {
  TENON_CHECK(is_integer(seed), "manual_seed expected a long, but got ", type_name(seed));
  const nb::object integer = steal(PyNumber_Index(seed));
  const uint64_t bits = PyLong_AsUnsignedLongLong(integer.ptr());
  if (!PyErr_Occurred()) return bits;
  PyErr_Clear();
  int64_t value = 0;
  to_int(integer.ptr(), value);
  return static_cast<uint64_t>(value);
}

}  // namespace

PyObject* make_device(Device device) { return nb::cast(device).release().ptr(); }

void init_devices(nb::module_& module) {
  module.def("cuda_unavailable_reason", &cuda::unavailable_reason);
  module.def("cuda_device_count", &cuda::device_count);
  module.def("cuda_synchronize", &cuda::synchronize);
  module.def("cuda_empty_cache", &cuda::empty_cache);
  nb::class_<Device>(module, "device", "Where a tensor's memory lives: 'cpu', 'cuda' or 'cuda:1'.")
      .def(
          "__init__", [](Device* self, std::string_view name) { new (self) Device(name); }, nb::arg("device"))
      .def(
          "__init__", [](Device* self, const Device& other) { new (self) Device(other); }, nb::arg("device"))
      .def(
          "__init__", [](Device* self, int index) { new (self) Device(numbered(kCUDA, index)); }, nb::arg("index"))
      .def(
          "__init__",
          [](Device* self, std::string_view type, int index) { new (self) Device(numbered(device_type(type), index)); },
          nb::arg("type"), nb::arg("index"))
      .def_prop_ro("type", [](const Device& self) { return device_type_name(self.type()); })
      .def_prop_ro(
          "index",
          [](const Device& self) { return self.has_index() ? std::optional<int>(self.index()) : std::nullopt; })
      .def("__str__", &Device::str)
      .def("__repr__",
           [](const Device& self) {
             return self.has_index()
                        ? concat("device(type='", device_type_name(self.type()), "', index=", self.index(), ")")
                        : concat("device(type='", device_type_name(self.type()), "')");
           })
      .def("__hash__", [](const Device& self) { return static_cast<int>(self.type()) * 1024 + self.index() + 1; })
      .def(
          "__eq__", [](const Device& self, const Device& other) { return self == other; }, nb::is_operator())
      .def(
          "__ne__", [](const Device& self, const Device& other) { return !(self == other); }, nb::is_operator())
      .def("__reduce__",
           [](const Device& self) { return nb::make_tuple(nb::type<Device>(), nb::make_tuple(self.str())); })
      .def("__enter__",
           [](nb::handle_t<Device> self) {
             entered_devices.push_back(get_default_device());
             set_default_device(nb::cast<Device&>(self));
             return nb::borrow(self);
           })
      .def("__exit__", [](const Device&, nb::args) {
        TENON_CHECK_AS(Error, !entered_devices.empty(), "device: there is no block to leave");
        set_default_device(entered_devices.back());
        entered_devices.pop_back();
      });

  nb::class_<Generator>(module, "Generator", "A source of random numbers with PyTorch's values for each seed.")
      .def(
          "__init__",
          [](Generator* self, nb::object device) {
            Device where;
            TENON_CHECK_TYPE(to_device(device.ptr(), where), "Generator: device must be a device or its name");
            TENON_CHECK_DEVICE(where.is_cpu(), "Generator: only CPU generators are supported, got ", where);
            new (self) Generator();
          },
          nb::arg("device") = "cpu")
      .def(
          "manual_seed",
          [](nb::handle_t<Generator> self, nb::handle seed) {
            nb::cast<Generator&>(self).manual_seed(seed_argument(seed.ptr()));
            return nb::borrow(self);
          },
          nb::arg("seed").none())
      .def("seed", &Generator::seed)
      .def("initial_seed", &Generator::initial_seed)
      .def("get_state", [](const Generator& self) { return tensor_of_bytes(self.get_state()); })
      .def(
          "set_state",
          [](Generator& self, const Tensor& state) { self.set_state(bytes_of_tensor(state, "set_state")); },
          nb::arg("new_state"))
      .def("clone_state", &Generator::clone)
      .def("__reduce__",
           [](nb::handle self) {
             const Generator& generator = nb::cast<Generator&>(self);
             return nb::make_tuple(nb::module_::import_("tenon.random").attr("_rebuild_generator"),
                                   nb::make_tuple(generator.initial_seed(), self.attr("get_state")()));
           })
      .def_prop_ro("device", [](const Generator&) { return Device(kCPU); });
  // Where programs, and PyTorch's pickles, find it.
  module.attr("device").attr("__module__") = "tenon";
  module.attr("default_generator") = nb::cast(default_generator());
}

}  // namespace tenon::python
