// The methods of tensors that are not ops of the table: queries, conversions of dtype and device, item, tolist.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstring>

#include "arguments.h"
#include "creation.h"
#include "interop.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/ops/ops.h"

namespace tenon::python {
namespace {

// --- x.to(...)

struct Target {
  optional<ScalarType> dtype;
  optional<Device> device;
};

// Reads to(dtype), to(device), to(device, dtype), to(other) and their keywords.
Tensor to(const Tensor& self, nb::args args, nb::kwargs kwargs) {
  Target target;
  bool copy = false, non_blocking = false;
  optional<MemoryFormat> format;
  size_t next = 0;
  auto take = [&](nb::handle value) {
    ScalarType dtype;
    Device device;
    if (value.is_none()) return true;
    if (is_tensor(value.ptr())) {
      target = {unwrap(value.ptr()).dtype(), unwrap(value.ptr()).device()};
    } else if (!target.dtype && to_dtype(value.ptr(), dtype)) {
      target.dtype = dtype;
    } else if (!target.device && to_device(value.ptr(), device)) {
      target.device = device;
    } else {
      return false;
    }
    return true;
  };
  while (next < args.size() && next < 2 && !PyBool_Check(args[next].ptr()) && take(args[next])) ++next;
  bool* const flags[] = {&non_blocking, &copy};
  for (size_t flag = 0; next < args.size() && flag < 2; ++next, ++flag) {
    TENON_CHECK_TYPE(to_bool(args[next].ptr(), *flags[flag]), "to(): argument ", next + 1,
                     " must be a dtype, a device, a tensor or ", "a bool, not ", type_name(args[next].ptr()));
  }
  TENON_CHECK_TYPE(next == args.size(), "to() takes at most 4 positional arguments but ", args.size(), " were given");
  for (auto [key, value] : kwargs) {
    const auto name = nb::cast<std::string>(key);
    bool fits = true;
    if (name == "dtype" || name == "device" || name == "other") {
      fits = take(value);
    } else if (name == "copy" || name == "non_blocking") {
      fits = to_bool(value.ptr(), name == "copy" ? copy : non_blocking);
    } else if (name == "memory_format") {
      fits = value.is_none() || Py_TYPE(value.ptr()) == memory_format_type;
      if (fits && !value.is_none()) format = memory_format_of_object(value.ptr());
    } else {
      detail::fail<TypeError>("to() got an unexpected keyword argument '", name, "'");
    }
    TENON_CHECK_TYPE(fits, "to(): argument '", name, "' must not be ", type_name(value.ptr()));
  }
  ReleaseGil gil(self.numel() > kReleaseGilElements);
  Tensor result = self.to(TensorOptions().dtype(target.dtype).device(target.device), non_blocking, copy);
  return format && *format != MemoryFormat::Preserve ? result.contiguous(*format) : result;
}

Tensor converted(const Tensor& self, ScalarType dtype, optional<MemoryFormat> format) {
  ReleaseGil gil(self.numel() > kReleaseGilElements);
  return self.to(TensorOptions(dtype).memory_format(format.value_or(MemoryFormat::Preserve)));
}

// --- sizes

nb::object size(const Tensor& self, nb::handle dim) {
  if (dim.is_none()) return steal(make_size(self.sizes()));
  int64_t d = 0;
  TENON_CHECK_TYPE(to_int(dim.ptr(), d), "size(): argument 'dim' must be int, not ", type_name(dim.ptr()));
  return nb::int_(self.size(d));
}

nb::object stride(const Tensor& self, nb::handle dim) {
  int64_t d = 0;
  if (!dim.is_none()) {
    TENON_CHECK_TYPE(to_int(dim.ptr(), d), "stride(): argument 'dim' must be int, not ", type_name(dim.ptr()));
    return nb::int_(self.stride(d));
  }
  nb::list strides;
  for (int64_t step : self.strides()) strides.append(step);
  return nb::tuple(strides);
}

// --- subclasses

PyTypeObject* subclass_argument(nb::handle type) {
  TENON_CHECK_TYPE(
      PyType_Check(type.ptr()) && PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(type.ptr()), tensor_type),
      "expected a subclass of Tensor");
  return reinterpret_cast<PyTypeObject*>(type.ptr());
}

nb::object make_subclass(nb::handle type, const Tensor& data, bool requires_grad) {
  Tensor own = data.detach();
  if (requires_grad) own.requires_grad_(true);
  return steal(wrap_as(subclass_argument(type), own));
}

nb::object as_subclass(const Tensor& self, nb::handle type) {
  return steal(wrap_as(subclass_argument(type), alias(self)));
}

// --- storages

// All elements of a storage as a 1-d tensor of `dtype`.
Tensor whole_storage(const Tensor& tensor, ScalarType dtype) {
  const auto count = static_cast<int64_t>(tensor.storage()->nbytes() / element_size(dtype));
  return Tensor(make_intrusive<TensorImpl>(tensor.storage(), DimVector{count}, DimVector{1}, 0, dtype));
}

Tensor tensor_over(const Tensor& bytes, ScalarType dtype, int64_t offset, const std::vector<int64_t>& size,
                   const std::vector<int64_t>& stride) {
  return as_strided(whole_storage(bytes, dtype), size, stride, offset).detach();
}

template <class F, class... Extra>
void method(const char* name, F&& function, const Extra&... extra) {
  nb::handle type(reinterpret_cast<PyObject*>(tensor_type));
  nb::setattr(type, name,
              nb::cpp_function(std::forward<F>(function), nb::name(name), nb::scope(type), nb::is_method(), extra...));
}

void add_conversions() {
  const auto format = nb::arg("memory_format") = nb::none();
  struct Conversion {
    const char* name;
    ScalarType dtype;
  };
  constexpr Conversion conversions[] = {
      {"float", kFloat}, {"double", kDouble}, {"half", kHalf},         {"bfloat16", kBFloat16},     {"int", kInt},
      {"long", kLong},   {"short", kShort},   {"char", kChar},         {"byte", kByte},             {"bool", kBool},
      {"cfloat", kComplexFloat}, {"cdouble", kComplexDouble},
  };
  for (const Conversion& conversion : conversions) {
    method(
        conversion.name,
        [dtype = conversion.dtype](const Tensor& self, optional<MemoryFormat> format) {
          return converted(self, dtype, format);
        },
        format, "self converted to another dtype.");
  }
  method("to", to, "self converted to another dtype or device.");
  method(
      "type_as", [](const Tensor& self, const Tensor& other) { return converted(self, other.dtype(), nullopt); },
      nb::arg("other"));
  method(
      "cpu",
      [](const Tensor& self, optional<MemoryFormat>) {
        ReleaseGil gil;
        return self.cpu();
      },
      format);
  method(
      "cuda",
      [](const Tensor& self, nb::handle device, bool) {
        Device where(kCUDA);
        TENON_CHECK_TYPE(device.is_none() || to_device(device.ptr(), where),
                         "cuda(): argument 'device' must be device, not ", type_name(device.ptr()));
        ReleaseGil gil;
        return self.to(where);
      },
      nb::arg("device") = nb::none(), nb::arg("non_blocking") = false);
}

void add_queries() {
  method("size", size, nb::arg("dim") = nb::none(), "The shape, or the size of one dim.");
  method("stride", stride, nb::arg("dim") = nb::none(), "The strides, or the stride of one dim.");
  method("dim", [](const Tensor& self) { return self.dim(); });
  method("ndimension", [](const Tensor& self) { return self.dim(); });
  method("numel", [](const Tensor& self) { return self.numel(); });
  method("nelement", [](const Tensor& self) { return self.numel(); });
  method("storage_offset", [](const Tensor& self) { return self.storage_offset(); });
  method("element_size", [](const Tensor& self) { return self.element_size(); });
  method("data_ptr", [](const Tensor& self) { return reinterpret_cast<uintptr_t>(self.data_ptr()); });
  method("get_device", [](const Tensor& self) { return self.is_cpu() ? -1 : std::max(self.device().index(), 0); });
  method(
      "is_contiguous", [](const Tensor& self, MemoryFormat format) { return self.is_contiguous(format); },
      nb::arg("memory_format") =
          nb::steal(PyObject_GetAttrString(PyImport_AddModule("tenon._C"), "contiguous_format")));
  method("is_complex", [](const Tensor& self) { return self.is_complex(); });
  method("is_floating_point", [](const Tensor& self) { return self.is_floating_point(); });
  method("is_signed", [](const Tensor& self) { return self.is_signed(); });
  method("is_inference", &Tensor::is_inference);
  method("is_conj", [](const Tensor&) { return false; });
  method("is_neg", [](const Tensor&) { return false; });
  method("is_pinned", [](const Tensor&) { return false; });
  method("_is_view", &Tensor::is_view);
  method("is_set_to", [](const Tensor& self, const Tensor& other) {
    return self.storage() == other.storage() && self.storage_offset() == other.storage_offset() &&
           self.sizes() == other.sizes() && self.strides() == other.strides() && self.dtype() == other.dtype();
  });
  method("item", [](const Tensor& self) { return self.item(); }, "The only element as a Python number.");
  method("tolist", [](const Tensor& self) { return steal(to_nested_list(self)); }, "The elements as nested lists.");
  method("_to_bytes", [](const Tensor& self) {
    NoGradGuard no_grad;
    nb::object bytes = steal(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(self.nbytes())));
    char* const target = PyBytes_AsString(bytes.ptr());
    ReleaseGil gil(self.numel() > kReleaseGilElements);
    const Tensor packed = self.cpu().contiguous();
    std::memcpy(target, packed.data_ptr(), packed.nbytes());
    return bytes;
  });
  method("_is_read_only", [](const Tensor& self) { return self.storage()->read_only(); });
  method("_storage_address", [](const Tensor& self) { return reinterpret_cast<uintptr_t>(self.storage()->data()); });
  method("_storage_nbytes", [](const Tensor& self) { return self.storage()->nbytes(); });
  method("_storage_id", [](const Tensor& self) { return reinterpret_cast<uintptr_t>(self.storage().get()); });
}

void add_exchange() {
  method("numpy", to_numpy, nb::kw_only(), nb::arg("force") = false,
         "A NumPy array that shares this tensor's memory; `force` detaches and copies to the CPU as needed.");
  method("__dlpack__", dlpack, nb::kw_only(), nb::arg("stream") = nb::none(), nb::arg("max_version") = nb::none(),
         nb::arg("dl_device") = nb::none(), nb::arg("copy") = nb::none(),
         "A DLPack capsule over this tensor's memory.");
  method("__dlpack_device__", dlpack_device, "The DLPack code of the device type, and the device's index.");
  method("to_torch", to_torch, "A PyTorch tensor that shares this tensor's memory; gradients do not cross.");
}

}  // namespace

void init_tensor_methods(nb::module_& module) {
  add_conversions();
  add_exchange();
  add_queries();
  method("as_subclass", as_subclass, nb::arg("cls"));
  module.def("_storage_bytes", [](const Tensor& tensor) { return whole_storage(tensor, kByte); }, nb::arg("tensor"));
  module.def("_tensor_over", tensor_over, nb::arg("bytes"), nb::arg("dtype"), nb::arg("offset"), nb::arg("size"),
             nb::arg("stride"));
  module.def("_make_subclass", make_subclass, nb::arg("cls"), nb::arg("data"), nb::arg("require_grad") = false);
}

}  // namespace tenon::python
