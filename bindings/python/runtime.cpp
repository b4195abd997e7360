// Settings and queries of the library: threads, default dtype and device, printing, seeds, dtype rules, memory.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <dlfcn.h>

#include "arguments.h"
#include "backend/cpu/isa.h"
#include "checksum.h"
#include "tenon/backend/memory.h"
#include "tenon/base/generator.h"
#include "tenon/base/denormals.h"
#include "tenon/base/parallel.h"
#include "tenon/c.h"
#include "tenon/tensor/options.h"
#include "tenon/tensor/print.h"

namespace tenon::python {
namespace {

Device device_argument(nb::handle object, const char* op) {
  Device device;
  TENON_CHECK_TYPE(to_device(object.ptr(), device), op, ": argument 'device' must be device, not ",
                   type_name(object.ptr()));
  return device;
}

void add_defaults(nb::module_& module) {
  module.def("get_default_dtype", get_default_dtype, "The dtype of factories that are given none.");
  module.def("set_default_dtype", set_default_dtype, nb::arg("d"), "Sets the dtype of factories that are given none.");
  module.def("get_default_device", get_default_device, "The device of factories that are given none.");
  module.def(
      "_set_default_device",
      [](nb::handle device) { set_default_device(device_argument(device, "set_default_device")); }, nb::arg("device"));
  module.def("promote_types", promote_types, nb::arg("type1"), nb::arg("type2"),
             "The smallest dtype that both convert to.");
  module.def("can_cast", can_cast, nb::arg("from_"), nb::arg("to"),
             "Whether an in-place op may convert `from_` to `to`.");
}

void add_cpu(nb::module_& module) {
  module.def("get_num_threads", get_num_threads, "The number of threads that ops may use.");
  module.def("set_num_threads", set_num_threads, nb::arg("int"), "Sets the number of threads that ops may use.");
  module.def(
      "set_simd_enabled",
      [](bool enabled) { cpu::set_isa(enabled ? cpu::best_isa() : cpu::Isa::Baseline); }, nb::arg("enabled"),
      "Whether CPU kernels use the best instruction set of this machine, or the baseline.");
  module.def("set_flush_denormal", set_flush_denormal, nb::arg("mode"),
             "Whether ops of this thread treat denormal numbers as zero; returns whether this CPU can.");
  module.def("get_cpu_isa", [] { return cpu::isa_name(cpu::isa()); });
}

void add_memory(nb::module_& module) {
  module.def("empty_cache", empty_cache, "Gives memory kept for reuse back to the operating system.");
  module.def("set_memory_limit", [](optional<size_t> bytes) { set_memory_limit(bytes.value_or(SIZE_MAX)); },
             nb::arg("bytes").none(), "The most bytes that tensors may use; None is no limit.");
  module.def("memory_stats", [] {
    const MemoryStats stats = memory_stats();
    nb::dict dict;
    dict["in_use"] = stats.in_use;
    dict["peak"] = stats.peak;
    dict["cached"] = stats.cached;
    dict["allocations"] = stats.allocations;
    dict["cache_misses"] = stats.cache_misses;
    return dict;
  }, "What the CPU's allocator holds.");
  module.def("reset_peak_memory", reset_peak_memory, "Makes the peak what is in use now.");
}

void add_printing(nb::module_& module) {
  module.def(
      "set_printoptions",
      [](optional<int64_t> precision, optional<double> threshold, optional<int64_t> edgeitems,
         optional<int64_t> linewidth, optional<std::string> profile, optional<bool> sci_mode) {
        set_printoptions(precision, threshold, edgeitems, linewidth,
                         profile ? optional<std::string_view>(*profile) : nullopt, sci_mode);
      },
      nb::arg("precision") = nb::none(), nb::arg("threshold") = nb::none(), nb::arg("edgeitems") = nb::none(),
      nb::arg("linewidth") = nb::none(), nb::arg("profile") = nb::none(), nb::arg("sci_mode") = nb::none(),
      "Sets how tensors are printed.");
}

}  // namespace

void init_runtime(nb::module_& module) {
  add_defaults(module);
  add_cpu(module);
  add_memory(module);
  add_printing(module);
  module.def("_crc32c", [](const nb::bytes& content) {
    return crc32c(reinterpret_cast<const unsigned char*>(content.c_str()), content.size());
  }, nb::arg("content"));
  module.def("_library_path", [] {
    Dl_info library;
    TENON_CHECK_AS(Error, dladdr(reinterpret_cast<void*>(tenon_version), &library), "the library has no file");
    return std::string(library.dli_fname);
  });
}

}  // namespace tenon::python
