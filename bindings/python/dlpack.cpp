// DLPack to and from tensors: Python's capsules, versioned and not, and the functions of C that PyTorch has for its own
// tensors. The structures are those of the DLPack 1.x specification.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>

#include "arguments.h"
#include "interop.h"
#include "overrides.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"
#include "tensor_type.h"
#include "threads.h"

namespace tenon::python {
namespace {

enum DeviceCode : int32_t { kDLCPU = 1, kDLCUDA = 2, kDLCUDAHost = 3, kDLMetal = 8, kDLCUDAManaged = 13 };
enum TypeCode : uint8_t { kDLInt = 0, kDLUInt = 1, kDLFloat = 2, kDLBfloat = 4, kDLComplex = 5, kDLBool = 6 };
constexpr uint64_t kReadOnlyFlag = 1, kCopiedFlag = 2;
constexpr uint32_t kMajorVersion = 1, kMinorVersion = 0;

struct DLDevice {
  int32_t type;
  int32_t id;
};
struct DLDataType {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
};
struct DLTensor {
  void* data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t* shape;
  int64_t* strides;
  uint64_t byte_offset;
};
struct DLManagedTensor {
  DLTensor tensor;
  void* context;
  void (*deleter)(DLManagedTensor* self);
};
struct DLManagedTensorVersioned {
  uint32_t major, minor;
  void* context;
  void (*deleter)(DLManagedTensorVersioned* self);
  uint64_t flags;
  DLTensor tensor;
};

// The functions that a type offers to C as __dlpack_c_exchange_api__.
struct ExchangeApi {
  uint32_t major, minor;
  const ExchangeApi* previous;
  void* allocate;
  int (*export_object)(void* object, DLManagedTensorVersioned** out);
  int (*make_object)(DLManagedTensorVersioned* taken_over, void** out);
  void* view_object;
  void* current_stream;
};

// How the two kinds of capsules differ.
template <class Managed>
struct Traits;
template <>
struct Traits<DLManagedTensor> {
  static constexpr const char *name = "dltensor", *used_name = "used_dltensor";
  static void set_header(DLManagedTensor&, uint64_t) {}
  static uint64_t flags(const DLManagedTensor&) { return 0; }
  static void check(const DLManagedTensor&) {}
};
template <>
struct Traits<DLManagedTensorVersioned> {
  static constexpr const char *name = "dltensor_versioned", *used_name = "used_dltensor_versioned";
  static void set_header(DLManagedTensorVersioned& managed, uint64_t flags) {
    managed.major = kMajorVersion;
    managed.minor = kMinorVersion;
    managed.flags = flags;
  }
  static uint64_t flags(const DLManagedTensorVersioned& managed) { return managed.flags; }
  static void check(const DLManagedTensorVersioned& managed) {
    TENON_CHECK_AS(Error, managed.major == kMajorVersion, "from_dlpack: the capsule has DLPack version ", managed.major,
                   ".", managed.minor, ", but ", kMajorVersion, ".x is supported");
  }
};

DLDataType to_dl(ScalarType dtype) {
  const auto bits = static_cast<uint8_t>(element_size(dtype) * 8);
  const uint8_t code = dtype == kBool             ? kDLBool
                       : dtype == kBFloat16       ? kDLBfloat
                       : is_complex(dtype)        ? kDLComplex
                       : is_floating_point(dtype) ? kDLFloat
                       : is_signed(dtype)         ? kDLInt
                                                  : kDLUInt;
  return {code, bits, 1};
}

ScalarType from_dl(DLDataType type) {
  for (int i = 0; i < kDtypeCount; ++i) {
    const auto dtype = static_cast<ScalarType>(i);
    const DLDataType own = to_dl(dtype);
    if (own.code == type.code && own.bits == type.bits && type.lanes == 1) return dtype;
  }
  tenon::detail::fail<Error>("from_dlpack: no dtype for DLPack's code ", int{type.code}, " with ", int{type.bits},
                             " bits and ", type.lanes, " lanes");
}

Device from_dl(DLDevice device) {
  switch (device.type) {
    case kDLCPU:
    case kDLCUDAHost:
      return kCPU;
    case kDLCUDA:
    case kDLCUDAManaged:
      return Device(kCUDA, device.id);
    default:
      tenon::detail::fail<DeviceError>("from_dlpack: unsupported device type ", device.type);
  }
}

nb::tuple dl_device(Device device) {
  return device.is_cpu() ? nb::make_tuple(int{kDLCPU}, 0) : nb::make_tuple(int{kDLCUDA}, std::max(device.index(), 0));
}

template <class... Parts>
[[noreturn]] void fail_export(const Parts&... why) {
  PyErr_SetString(PyExc_BufferError, concat(why...).c_str());
  throw_python_error();
}

void refuse_gradients(const Tensor& tensor) {
  if (tensor.requires_grad()) fail_export("Can't export tensors that require gradient, use tensor.detach()");
}

// --- what tensors export

template <class Managed>
void release(Managed* managed) {
  if (managed->deleter) managed->deleter(managed);
}
template <class Managed>
using Owned = std::unique_ptr<Managed, decltype(&release<Managed>)>;

template <class Managed>
struct Exported {
  Managed managed;
  StoragePtr storage;
  DimVector shape, strides;
};

template <class Managed>
Owned<Managed> export_tensor(const Tensor& tensor, bool copied) {
  auto* exported = new Exported<Managed>{{}, tensor.storage(), DimVector(tensor.sizes()), DimVector(tensor.strides())};
  tensor.storage()->pin();
  Managed& managed = exported->managed;
  const bool cuda = tensor.is_cuda();
  managed.tensor = {tensor.data_ptr(),
                    {cuda ? kDLCUDA : kDLCPU, cuda ? std::max(tensor.device().index(), 0) : 0},
                    int32_t(tensor.dim()),
                    to_dl(tensor.dtype()),
                    exported->shape.data(),
                    exported->strides.data(),
                    0};
  managed.context = exported;
  managed.deleter = [](Managed* self) { delete static_cast<Exported<Managed>*>(self->context); };
  Traits<Managed>::set_header(managed,
                              (tensor.storage()->read_only() ? kReadOnlyFlag : 0) | (copied ? kCopiedFlag : 0));
  return {&managed, release<Managed>};
}

template <class Managed>
nb::object make_capsule(const Tensor& tensor, bool copied) {
  using T = Traits<Managed>;
  Owned<Managed> managed = export_tensor<Managed>(tensor, copied);
  nb::object capsule = steal(PyCapsule_New(managed.get(), T::name, [](PyObject* self) {
    // A consumer renames the capsule, and the memory is then its own to release.
    if (PyCapsule_IsValid(self, T::name)) release(static_cast<Managed*>(PyCapsule_GetPointer(self, T::name)));
  }));
  managed.release();
  return capsule;
}

// --- what tensors are made of

// A tensor over the memory of `managed`, which is its own unless this throws.
template <class Managed>
Tensor take(Managed* managed) {
  using T = Traits<Managed>;
  T::check(*managed);
  const DLTensor& source = managed->tensor;
  const ScalarType dtype = from_dl(source.dtype);
  const Device device = from_dl(source.device);
  TENON_CHECK_AS(Error, source.ndim >= 0 && (source.ndim == 0 || source.shape),
                 "from_dlpack: the capsule has no shape");
  const IntArrayRef sizes(source.shape, static_cast<size_t>(source.ndim));
  const int64_t numel = checked_numel(sizes, "from_dlpack");
  const DimVector dense = contiguous_strides(sizes);
  const IntArrayRef strides =
      source.strides ? IntArrayRef(source.strides, sizes.size()) : IntArrayRef(dense.data(), dense.size());
  for (int64_t stride : strides)
    TENON_CHECK_AS(Error, stride >= 0 || numel < 2, "from_dlpack: negative strides are not supported");
  char* data = static_cast<char*>(source.data) + source.byte_offset;
  TENON_CHECK_VALUE(numel == 0 || is_aligned(data, dtype), "from_dlpack: the memory is not aligned for ", dtype);
  const bool read_only = T::flags(*managed) & kReadOnlyFlag;
  auto give_back = [managed](void*) {
    // A producer's deleter may drop Python objects.
    release_to_python([managed] { release(managed); });
  };
  Tensor result = from_blob(data, sizes, strides, give_back, TensorOptions(dtype).device(device));
  if (read_only) result.storage()->set_read_only();
  return result;
}

template <class Managed>
Tensor take_owned(Owned<Managed> managed) {
  Tensor result = take(managed.get());
  managed.release();
  return result;
}

template <class Managed>
Tensor take_capsule(PyObject* capsule) {
  using T = Traits<Managed>;
  auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule, T::name));
  if (!managed) throw_python_error();
  Tensor result = take(managed);
  check_status(PyCapsule_SetName(capsule, T::used_name));
  return result;
}

Tensor take_capsule(PyObject* capsule) {
  if (PyCapsule_IsValid(capsule, Traits<DLManagedTensorVersioned>::name)) {
    return take_capsule<DLManagedTensorVersioned>(capsule);
  }
  TENON_CHECK_AS(Error, PyCapsule_IsValid(capsule, Traits<DLManagedTensor>::name),
                 "from_dlpack: expected a DLPack capsule that nobody has consumed");
  return take_capsule<DLManagedTensor>(capsule);
}

// What a capsule of `tensor` would give, without one.
Tensor shared(const Tensor& tensor) {
  refuse_gradients(tensor);
  tensor.storage()->pin();
  Tensor result = from_blob(tensor.data_ptr(), tensor.sizes(), tensor.strides(), [kept = tensor.storage()](void*) {},
                            TensorOptions(tensor.dtype()).device(tensor.device()));
  if (tensor.storage()->read_only()) result.storage()->set_read_only();
  return result;
}

// What object.__dlpack__ gives for a device and for copy, if they are not None; the object itself where it has none.
nb::object exported_by(nb::handle object, nb::handle device, nb::handle copy) {
  const nb::object function = nb::steal(PyObject_GetAttrString(object.ptr(), "__dlpack__"));
  if (!function.is_valid()) {
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) throw_python_error();
    PyErr_Clear();
    if (!device.is_none() || !copy.is_none()) {
      PyErr_SetString(PyExc_AssertionError,
                      "device and copy kwargs not supported when ext_tensor is already a DLPack capsule.");
      throw_python_error();
    }
    return nb::borrow(object);
  }
  nb::dict keywords;
  if (!copy.is_none()) keywords["copy"] = copy;
  if (!device.is_none()) {
    Device where;
    TENON_CHECK_TYPE(to_device(device.ptr(), where), "from_dlpack: argument 'device' must be device, not ",
                     type_name(device.ptr()));
    keywords["dl_device"] = dl_device(where);
  }
  try {
    return function(nb::arg("max_version") = nb::make_tuple(kMajorVersion, kMinorVersion), **keywords);
  } catch (const nb::python_error& error) {
    if (!error.matches(PyExc_TypeError)) throw;
  }
  // Producers older than DLPack 1.0 take no max_version.
  return function(**keywords);
}

// The same without either, in a hurry; invalid where that fails so that it is worth another call.
nb::object exported_by(nb::handle object) {
  static PyObject* const method = PyUnicode_InternFromString("__dlpack__");
  static PyObject* const names = checked(Py_BuildValue("(s)", "max_version"));
  static PyObject* const version = checked(Py_BuildValue("(II)", kMajorVersion, kMinorVersion));
  PyObject* const arguments[] = {object.ptr(), version};
  nb::object capsule = nb::steal(PyObject_VectorcallMethod(method, arguments, 1, names));
  if (capsule.is_valid()) return capsule;
  if (!PyErr_ExceptionMatches(PyExc_AttributeError) && !PyErr_ExceptionMatches(PyExc_TypeError)) throw_python_error();
  PyErr_Clear();
  return capsule;
}

// --- PyTorch's own functions

// Those of a type that is PyTorch's; null for other types.
const ExchangeApi* find_pytorch_api(PyTypeObject* type) {
  static PyObject* const api_name = PyUnicode_InternFromString("__dlpack_c_exchange_api__");
  static PyObject* const module_name = PyUnicode_InternFromString("__module__");
  const nb::object capsule = find_attribute(type, api_name);
  if (!capsule.is_valid() || !PyCapsule_CheckExact(capsule.ptr())) return nullptr;
  const nb::object module = find_attribute(type, module_name);
  if (!module.is_valid() || !PyUnicode_Check(module.ptr()) ||
      PyUnicode_CompareWithASCIIString(module.ptr(), "torch") != 0) {
    return nullptr;
  }
  const auto* api = static_cast<const ExchangeApi*>(PyCapsule_GetPointer(capsule.ptr(), "dlpack_exchange_api"));
  if (!api) PyErr_Clear();
  return api && api->major == kMajorVersion ? api : nullptr;
}

// The same, remembered: only tensors of exactly PyTorch's type, because a subclass may see to __dlpack__ itself.
const ExchangeApi* pytorch_api(PyTypeObject* type) {
  struct Known {
    PyTypeObject* type;
    const ExchangeApi* api;
  };
  static std::atomic<const Known*> known = nullptr;
  const Known* first = known.load(std::memory_order_acquire);
  if (first && first->type == type) return first->api;
  const ExchangeApi* api = find_pytorch_api(type);
  if (api && !first) {
    Py_INCREF(type);
    auto fresh = std::make_unique<const Known>(Known{type, api});
    if (known.compare_exchange_strong(first, fresh.get(), std::memory_order_acq_rel)) {
      static_cast<void>(fresh.release());
    } else {
      Py_DECREF(type);
    }
  }
  return api;
}

bool requires_grad(nb::handle tensor) {
  static PyObject* const name = PyUnicode_InternFromString("requires_grad");
  return steal(PyObject_GetAttr(tensor.ptr(), name)).ptr() != Py_False;
}

// PyTorch exports numbers that are yet to be negated as if they were not.
void refuse_negated(nb::handle tensor) {
  static PyObject* const method = PyUnicode_InternFromString("is_neg");
  PyObject* const arguments[] = {tensor.ptr()};
  if (steal(PyObject_VectorcallMethod(method, arguments, 1, nullptr)).ptr() != Py_False) {
    fail_export("Can't export tensors with the negative bit set, use tensor.resolve_neg()");
  }
}

// What PyTorch's tensor.__dlpack__ would give; null where that has more to say, be it an error.
Owned<DLManagedTensorVersioned> exported_by_pytorch(nb::handle tensor) {
  Owned<DLManagedTensorVersioned> exported(nullptr, release<DLManagedTensorVersioned>);
  const ExchangeApi* api = pytorch_api(Py_TYPE(tensor.ptr()));
  if (!api || requires_grad(tensor)) return exported;
  refuse_negated(tensor);
  DLManagedTensorVersioned* managed = nullptr;
  if (api->export_object(tensor.ptr(), &managed) < 0) {
    PyErr_Clear();
    return exported;
  }
  exported.reset(managed);
  // The functions of C see neither that numbers are yet to be conjugated nor the streams of other devices.
  if (managed->tensor.dtype.code == kDLComplex || managed->tensor.device.type != kDLCPU) exported.reset();
  return exported;
}

}  // namespace

nb::object dlpack(nb::handle self, nb::handle, nb::handle max_version, nb::handle dl_device, nb::handle copy) {
  const Tensor& tensor = unwrap(self.ptr());
  refuse_gradients(tensor);
  if (!dl_device.is_none() && !steal(PySequence_Tuple(dl_device.ptr())).equal(self.attr("__dlpack_device__")())) {
    fail_export("cannot export a tensor on ", tensor.device(), " to DLPack device ", nb::str(dl_device).c_str(),
                " without a copy");
  }
  const bool versioned = !max_version.is_none() && max_version[0] >= nb::int_(kMajorVersion);
  const int copied = PyObject_IsTrue(copy.ptr());
  check_status(copied);
  Tensor exported = tensor;
  if (copied) {
    ReleaseGil gil(tensor.numel() > kReleaseGilElements);
    exported = tensor.clone(MemoryFormat::Preserve);
  }
  if (versioned) return make_capsule<DLManagedTensorVersioned>(exported, copied);
  if (exported.storage()->read_only()) {
    fail_export("only consumers of DLPack 1.0 or newer can be told that memory is read-only; export a clone()");
  }
  return make_capsule<DLManagedTensor>(exported, copied);
}

nb::tuple dlpack_device(const Tensor& self) { return dl_device(self.device()); }

Tensor from_dlpack(nb::handle ext_tensor, nb::handle device, nb::handle copy) {
  if (device.is_none() && copy.is_none()) {
    if (Py_TYPE(ext_tensor.ptr()) == tensor_type && !any_mode()) return shared(unwrap(ext_tensor.ptr()));
    if (auto exported = exported_by_pytorch(ext_tensor)) return take_owned(std::move(exported));
    if (const nb::object capsule = exported_by(ext_tensor); capsule.is_valid()) return take_capsule(capsule.ptr());
  } else if (pytorch_api(Py_TYPE(ext_tensor.ptr()))) {
    refuse_negated(ext_tensor);
  }
  return take_capsule(exported_by(ext_tensor, device, copy).ptr());
}

Tensor from_torch(nb::handle tensor) {
  if (auto exported = exported_by_pytorch(tensor)) return take_owned(std::move(exported));
  return from_dlpack(tensor.attr("detach")(), nb::none(), nb::none());
}

nb::object to_torch(nb::handle self) {
  static PyObject* const module = PyUnicode_InternFromString("torch");
  static PyObject* const name = PyUnicode_InternFromString("Tensor");
  const Tensor& tensor = unwrap(self.ptr());
  const nb::object type = attribute_of_module(module, name);
  if (tensor.storage()->read_only()) {
    // PyTorch would write through it.
    fail_export("to_torch: the memory of this tensor is read-only, which PyTorch cannot be told; clone() it");
  }
  const ExchangeApi* api =
      tensor.is_cpu() && PyType_Check(type.ptr()) ? pytorch_api(reinterpret_cast<PyTypeObject*>(type.ptr())) : nullptr;
  if (!api) return nb::module_::import_("torch").attr("from_dlpack")(tensor.detach());
  void* result = nullptr;
  check_status(api->make_object(export_tensor<DLManagedTensorVersioned>(tensor, false).release(), &result));
  return nb::steal(static_cast<PyObject*>(result));
}

}  // namespace tenon::python
