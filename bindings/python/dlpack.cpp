// DLPack capsules, versioned and not, to and from tensors. The structures are those of the DLPack 1.x specification.
#include <cstdint>
#include <memory>
#include <vector>

#include "interop.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"
#include "tensor_type.h"

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

template <class Managed>
struct Exported {
  Managed managed;
  Tensor tensor;
  std::vector<int64_t> shape, strides;
};

template <class Managed>
nb::object make_capsule(const Tensor& tensor, bool copied) {
  using T = Traits<Managed>;
  auto exported = std::make_unique<Exported<Managed>>();
  exported->tensor = tensor.detach();
  tensor.storage()->pin();
  exported->shape = tensor.sizes().vec();
  exported->strides = tensor.strides().vec();
  Managed& managed = exported->managed;
  const bool cuda = tensor.is_cuda();
  managed.tensor = {tensor.data_ptr(),
                    {cuda ? kDLCUDA : kDLCPU, cuda ? std::max(tensor.device().index(), 0) : 0},
                    int32_t(tensor.dim()),
                    to_dl(tensor.dtype()),
                    exported->shape.data(),
                    exported->strides.data(),
                    0};
  managed.context = exported.get();
  managed.deleter = [](Managed* self) { delete static_cast<Exported<Managed>*>(self->context); };
  T::set_header(managed, (tensor.storage()->read_only() ? kReadOnlyFlag : 0) | (copied ? kCopiedFlag : 0));
  nb::object capsule = steal(PyCapsule_New(&managed, T::name, [](PyObject* self) {
    // A consumer renames the capsule, and the memory is then its own to release.
    if (!PyCapsule_IsValid(self, T::name)) return;
    auto* unused = static_cast<Managed*>(PyCapsule_GetPointer(self, T::name));
    unused->deleter(unused);
  }));
  exported.release();
  return capsule;
}

template <class Managed>
Tensor take_capsule(PyObject* capsule) {
  using T = Traits<Managed>;
  auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule, T::name));
  if (!managed) throw_python_error();
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
  const bool read_only = T::flags(*managed) & kReadOnlyFlag;
  check_status(PyCapsule_SetName(capsule, T::used_name));
  auto release = [managed](void*) {
    // A producer's deleter may drop Python objects.
    if (managed->deleter) release_to_python([managed] { managed->deleter(managed); });
  };
  Tensor result = from_blob(data, sizes, strides, release, TensorOptions(dtype).device(device));
  if (read_only) result.storage()->set_read_only();
  return result;
}

}  // namespace

nb::object to_dlpack(const Tensor& tensor, bool versioned, bool copied) {
  if (!versioned && tensor.storage()->read_only()) {
    PyErr_SetString(PyExc_BufferError,
                    "only consumers of DLPack 1.0 or newer can be told that memory is read-only; export a clone()");
    throw_python_error();
  }
  return versioned ? make_capsule<DLManagedTensorVersioned>(tensor, copied)
                   : make_capsule<DLManagedTensor>(tensor, copied);
}

Tensor from_dlpack(nb::handle capsule) {
  if (PyCapsule_IsValid(capsule.ptr(), Traits<DLManagedTensorVersioned>::name)) {
    return take_capsule<DLManagedTensorVersioned>(capsule.ptr());
  }
  TENON_CHECK_AS(Error, PyCapsule_IsValid(capsule.ptr(), Traits<DLManagedTensor>::name),
                 "from_dlpack: expected a DLPack capsule that nobody has consumed");
  return take_capsule<DLManagedTensor>(capsule.ptr());
}

}  // namespace tenon::python
