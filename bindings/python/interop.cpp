// See interop.h; this file has the buffer protocol, dlpack.cpp the DLPack capsules.
#include "interop.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <memory>
#include <numeric>
#include <string_view>

#include "arguments.h"
#include "stable_abi.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"
#include "tensor_type.h"

namespace tenon::python {
namespace {

// --- memory that others export

struct ReleaseBuffer {
  void operator()(Py_buffer* view) const {
    release_to_python([view] { PyBuffer_Release(view); });
    delete view;
  }
};
using Buffer = std::shared_ptr<Py_buffer>;

Buffer export_buffer(PyObject* object, int flags) {
  auto view = std::make_unique<Py_buffer>();
  if (PyObject_GetBuffer(object, view.get(), flags) < 0) {
    // Only memory that may not be written comes without this flag.
    PyErr_Clear();
    if (PyObject_GetBuffer(object, view.get(), flags & ~PyBUF_WRITABLE) < 0) {
      if (!PyErr_ExceptionMatches(PyExc_ValueError) || PyErr_ExceptionMatches(PyExc_BufferError)) throw_python_error();
      // NumPy's answer for items that the protocol cannot describe, such as dates.
      const nb::python_error error;
      tenon::detail::fail<TypeError>("can't convert an object of type ", type_name(object), ": ", error.what());
    }
  }
  return Buffer(view.release(), ReleaseBuffer());
}

// The dtype of a struct-style format with items of `size` bytes.
optional<ScalarType> dtype_of_format(const char* text, Py_ssize_t size) {
  std::string_view format = text ? text : "B";
  if (!format.empty() && std::string_view("@=<").find(format[0]) != std::string_view::npos) format.remove_prefix(1);
  if (format == "?") return kBool;
  if (format == "e") return kHalf;
  if (format == "f") return kFloat;
  if (format == "d") return kDouble;
  if (format == "Zf") return kComplexFloat;
  if (format == "Zd") return kComplexDouble;
  if (format == "B") return kByte;
  const bool is_unsigned = format.size() == 1 && std::string_view("HILQ").find(format[0]) != std::string_view::npos;
  if (format.size() != 1 || (!is_unsigned && std::string_view("bhilq").find(format[0]) == std::string_view::npos)) {
    return nullopt;
  }
  switch (size) {
    case 1: return kChar;
    case 2: return is_unsigned ? kUInt16 : kShort;
    case 4: return is_unsigned ? kUInt32 : kInt;
    case 8: return is_unsigned ? kUInt64 : kLong;
    default: return nullopt;
  }
}

Tensor tensor_over(void* data, IntArrayRef sizes, IntArrayRef strides, ScalarType dtype, Buffer buffer) {
  const bool read_only = buffer->readonly;
  Tensor result = from_blob(data, sizes, strides, [buffer](void*) mutable { buffer.reset(); }, dtype);
  if (read_only) result.storage()->set_read_only();
  return result;
}

// --- memory that tensors export

struct Export {
  StoragePtr storage;
  std::vector<Py_ssize_t> shape, strides;
};

const char* format_of(ScalarType dtype) {
  switch (dtype) {
    case ScalarType::Byte: return "B";
    case ScalarType::Char: return "b";
    case ScalarType::Short: return "h";
    case ScalarType::Int: return "i";
    // What C calls long is NumPy's int64 where it is that long.
    case ScalarType::Long: return sizeof(long) == 8 ? "l" : "q";
    case ScalarType::UInt16: return "H";
    case ScalarType::UInt32: return "I";
    case ScalarType::UInt64: return sizeof(long) == 8 ? "L" : "Q";
    case ScalarType::Half: return "e";
    case ScalarType::Float: return "f";
    case ScalarType::Double: return "d";
    case ScalarType::ComplexFloat: return "Zf";
    case ScalarType::ComplexDouble: return "Zd";
    case ScalarType::Bool: return "?";
    case ScalarType::BFloat16: return nullptr;
  }
  return nullptr;
}

// The dims of `x`, last first.
std::vector<int64_t> reversed_dims(const Tensor& x) {
  std::vector<int64_t> dims(static_cast<size_t>(x.dim()));
  std::iota(dims.rbegin(), dims.rend(), 0);
  return dims;
}

// Why the memory of `x` cannot be exported as asked; null when it can.
const char* refusal(const Tensor& x, int flags) {
  if (x.requires_grad()) return "Tensor requires grad; use tensor.detach()";
  if (!x.is_cpu()) return "Tensor is not on the CPU; use tensor.cpu()";
  if (!format_of(x.dtype())) return "the buffer protocol has no bfloat16";
  if ((flags & PyBUF_WRITABLE) && x.storage()->read_only()) return "the memory of this tensor is read-only";
  const auto asks = [flags](int wanted) { return (flags & wanted) == wanted; };
  const auto is_column_major = [&] { return x.permute(reversed_dims(x)).is_contiguous(); };
  if (asks(PyBUF_F_CONTIGUOUS)) return is_column_major() ? nullptr : "Tensor is not contiguous in Fortran's order";
  const bool row_major = !asks(PyBUF_STRIDES) || asks(PyBUF_C_CONTIGUOUS);
  if (!row_major && !asks(PyBUF_ANY_CONTIGUOUS)) return nullptr;
  const bool fits = x.is_contiguous() || (!row_major && is_column_major());
  return fits ? nullptr : "Tensor is not contiguous; use tensor.contiguous()";
}

int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  view->obj = nullptr;
  return guarded(
      [&] {
        const Tensor& x = unwrap(self);
        if (const char* why = refusal(x, flags)) {
          PyErr_SetString(PyExc_BufferError, why);
          return -1;
        }
        const auto item = static_cast<Py_ssize_t>(x.element_size());
        auto exported = std::make_unique<Export>(Export{x.storage(), {}, {}});
        for (size_t d = 0; d < x.sizes().size(); ++d) {
          exported->shape.push_back(static_cast<Py_ssize_t>(x.sizes()[d]));
          exported->strides.push_back(static_cast<Py_ssize_t>(x.strides()[d]) * item);
        }
        x.storage()->pin();
        view->buf = x.data_ptr();
        view->len = static_cast<Py_ssize_t>(x.nbytes());
        view->itemsize = item;
        view->readonly = x.storage()->read_only();
        view->ndim = static_cast<int>(x.dim());
        view->format = (flags & PyBUF_FORMAT) ? const_cast<char*>(format_of(x.dtype())) : nullptr;
        view->shape = (flags & PyBUF_ND) ? exported->shape.data() : nullptr;
        view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? exported->strides.data() : nullptr;
        view->suboffsets = nullptr;
        view->internal = exported.release();
        view->obj = Py_NewRef(self);
        return 0;
      },
      -1);
}

void release_buffer(PyObject*, Py_buffer* view) { delete static_cast<Export*>(view->internal); }

}  // namespace

bool is_aligned(const void* data, ScalarType dtype) {
  const size_t alignment = element_size(dtype) / (is_complex(dtype) ? 2 : 1);
  return reinterpret_cast<uintptr_t>(data) % alignment == 0;
}

Tensor tensor_over_buffer(PyObject* object, const char* op) {
  const Buffer buffer = export_buffer(object, PyBUF_STRIDED | PyBUF_FORMAT | PyBUF_WRITABLE);
  const optional<ScalarType> dtype = dtype_of_format(buffer->format, buffer->itemsize);
  TENON_CHECK_TYPE(
      dtype, op, ": can't convert an array of format '", buffer->format, "'. The supported types are: float64, ",
      "float32, float16, complex64, complex128, int64, int32, int16, int8, uint8, and bool, in native byte order.");
  std::vector<int64_t> sizes, strides;
  const auto item = static_cast<int64_t>(buffer->itemsize);
  for (int d = 0; d < buffer->ndim; ++d) {
    const int64_t size = buffer->shape[d], stride = buffer->strides[d];
    TENON_CHECK_VALUE(stride >= 0 || size < 2, op,
                      ": at least one stride in the given array is negative, and tensors with ",
                      "negative strides are not supported. Copy the array to get rid of them.");
    TENON_CHECK_VALUE(stride % item == 0 || size < 2, op,
                      ": strides not a multiple of the element byte size. Copy the array ",
                      "to reallocate the memory.");
    sizes.push_back(size);
    strides.push_back(size < 2 ? 1 : stride / item);
  }
  const int64_t numel = checked_numel(sizes, op);
  TENON_CHECK_VALUE(numel == 0 || is_aligned(buffer->buf, *dtype), op,
                    ": the memory of the array is not aligned for its type. Copy the array to reallocate the memory.");
  return tensor_over(buffer->buf, sizes, strides, *dtype, buffer);
}

Tensor tensor_from_bytes(PyObject* object, ScalarType dtype, int64_t count, int64_t offset) {
  const Buffer buffer = export_buffer(object, PyBUF_WRITABLE);
  const auto item = static_cast<int64_t>(element_size(dtype));
  const int64_t length = buffer->len;
  TENON_CHECK_VALUE(length > 0 && count != 0, "frombuffer: both buffer length (", length, ") and count (", count,
                    ") must not be 0");
  TENON_CHECK_VALUE(offset >= 0 && offset < length, "frombuffer: offset (", offset,
                    " bytes) must be non-negative and no greater than buffer length (", length, " bytes) - 1");
  TENON_CHECK_VALUE(count > 0 || (length - offset) % item == 0, "frombuffer: buffer length (", length - offset,
                    " bytes) after offset (", offset, " bytes) must be a multiple of element size (", item, ")");
  if (count < 0) count = (length - offset) / item;
  TENON_CHECK_VALUE(count <= (length - offset) / item, "frombuffer: requested buffer length (", count, " * ", item,
                    " bytes) after offset (", offset, " bytes) must not be greater than actual buffer length (", length,
                    " bytes)");
  char* data = static_cast<char*>(buffer->buf) + offset;
  TENON_CHECK_VALUE(is_aligned(data, dtype), "frombuffer: the memory is not aligned for ", dtype);
  return tensor_over(data, count, 1, dtype, buffer);
}

bool dtype_of_numpy(PyObject* object, ScalarType& out) {
  nb::object name = steal(PyObject_GetAttrString(nb::object(nb::borrow(object).attr("dtype")).ptr(), "name"));
  const char* text = utf8(name.ptr());
  if (!text) throw_python_error();
  for (int i = 0; i < kDtypeCount; ++i) {
    if (std::string_view(dtype_name(static_cast<ScalarType>(i))) == text) {
      out = static_cast<ScalarType>(i);
      return true;
    }
  }
  return false;
}

void add_buffer_slots(std::vector<PyType_Slot>& slots) {
  slots.push_back({Py_bf_getbuffer, reinterpret_cast<void*>(get_buffer)});
  slots.push_back({Py_bf_releasebuffer, reinterpret_cast<void*>(release_buffer)});
}

nb::object attribute_of_module(PyObject* module, PyObject* name) {
  if (const nb::object loaded = nb::steal(PyImport_GetModule(module)); loaded.is_valid()) {
    nb::object found = nb::steal(PyObject_GetAttr(loaded.ptr(), name));
    if (found.is_valid()) return found;
  }
  // Another thread may be about to import it.
  PyErr_Clear();
  return steal(PyObject_GetAttr(nb::object(steal(PyImport_Import(module))).ptr(), name));
}

nb::object to_numpy(nb::handle self, bool force) {
  static PyObject* const module = PyUnicode_InternFromString("numpy");
  static PyObject* const name = PyUnicode_InternFromString("asarray");
  const nb::object asarray = attribute_of_module(module, name);
  nb::object shown = nb::borrow(self);
  if (force) {
    const Tensor on_cpu = [&] {
      ReleaseGil gil;
      return unwrap(self.ptr()).detach().cpu();
    }();
    shown = steal(wrap(on_cpu));
  }
  const Tensor& tensor = unwrap(shown.ptr());
  TENON_CHECK_AS(Error, !tensor.requires_grad(),
                 "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.");
  TENON_CHECK_TYPE(tensor.is_cpu(), "can't convert ", tensor.device(),
                   " device type tensor to numpy. Use Tensor.cpu() first.");
  TENON_CHECK_TYPE(tensor.dtype() != kBFloat16, "Got unsupported ScalarType BFloat16");
  return asarray(shown);
}

void init_interop(nb::module_& module) {
  module.def("from_dlpack", from_dlpack, nb::arg("ext_tensor").none(), nb::kw_only(), nb::arg("device") = nb::none(),
             nb::arg("copy") = nb::none(),
             "A tensor that shares the memory of any object with `__dlpack__`, or of a DLPack capsule.");
  module.def("from_torch", from_torch, nb::arg("tensor").none(),
             "A tensor that shares the memory of a PyTorch tensor; gradients do not cross.");
}

}  // namespace tenon::python
