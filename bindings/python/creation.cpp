// See creation.h.
#include "creation.h"

#include <nanobind/stl/optional.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string_view>

#include "arguments.h"
#include "interop.h"
#include "overrides.h"
#include "stable_abi.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"
#include "threads.h"

namespace tenon::python {
namespace {

// Deeper nesting is an error, so that no recursion over it can overflow the stack.
constexpr size_t kMaxDims = 64;

bool is_sequence(PyObject* object) {
  if (PyList_Check(object) || PyTuple_Check(object)) return true;
  if (PyFloat_Check(object) || PyLong_Check(object)) return false;
  if (is_tensor(object)) return unwrap(object).dim() > 0;
  if (is_numpy_scalar(object) || PyUnicode_Check(object) || PyBytes_Check(object) || PyDict_Check(object)) return false;
  if (!PySequence_Check(object)) return false;
  if (PySequence_Size(object) >= 0) return true;
  PyErr_Clear();
  return false;
}

// A list or tuple with the items of a sequence.
nb::object items_of(PyObject* sequence) { return steal(PySequence_Fast(sequence, "expected a sequence")); }

Py_ssize_t item_count(const nb::object& items) { return sequence_size(items.ptr()); }

nb::object item_at(const nb::object& items, Py_ssize_t i) {
  // The list may shrink while its items are converted.
  nb::object item = item_of(items.ptr(), i);
  TENON_CHECK_VALUE(item.is_valid(), "the sequence changed while it was read");
  return item;
}

// The sizes that the first items of each level have.
std::vector<int64_t> nested_sizes(PyObject* data, const char* op) {
  std::vector<int64_t> sizes;
  nb::object current = nb::borrow(data);
  while (is_sequence(current.ptr())) {
    TENON_CHECK_VALUE(sizes.size() < kMaxDims, op, ": too many dimensions '", type_name(data), "': at most ", kMaxDims,
                      " are supported");
    nb::object items = items_of(current.ptr());
    sizes.push_back(item_count(items));
    if (item_count(items) == 0) break;
    current = item_at(items, 0);
  }
  return sizes;
}

Scalar leaf_value(PyObject* leaf, const char* op) {
  Scalar value;
  if (to_number(leaf, value)) return value;
  if (is_tensor(leaf)) return unwrap(leaf).item();
  TENON_CHECK_TYPE(!is_sequence(leaf), op, ": must be real number, not ", type_name(leaf));
  if (PyIndex_Check(leaf)) {
    int64_t index = 0;
    if (to_int(leaf, index)) return index;
  }
  detail::fail<TypeError>(op, ": invalid data type '", type_name(leaf),
                          "'; numbers, sequences of them, arrays and tensors are valid");
}

ScalarType leaf_dtype(PyObject* leaf, const char* op) {
  if (is_tensor(leaf)) return unwrap(leaf).dtype();
  ScalarType dtype;
  if (is_numpy_scalar(leaf) && dtype_of_numpy(leaf, dtype)) return dtype;
  Scalar value;
  TENON_CHECK(to_number(leaf, value) || PyIndex_Check(leaf) || PyUnicode_Check(leaf) || is_sequence(leaf), op,
              ": Could not infer dtype of ", type_name(leaf));
  value = leaf_value(leaf, op);
  TENON_CHECK_VALUE(value.kind() != Scalar::Kind::Unsigned, op, ": Overflow when unpacking long: ", value,
                    " does not fit int64; give a dtype");
  return value.dtype(get_default_dtype());
}

// Calls visit(leaf) for each leaf, checking that the nesting is even.
template <class Visit>
void visit_leaves(PyObject* data, IntArrayRef sizes, size_t depth, const char* op, Visit& visit) {
  if (depth == sizes.size()) {
    visit(data);
    return;
  }
  TENON_CHECK_TYPE(is_sequence(data), op, ": not a sequence: found '", type_name(data), "' at dim ", depth,
                   ", where its neighbours are sequences");
  nb::object items = items_of(data);
  TENON_CHECK_VALUE(item_count(items) == sizes[depth], op, ": expected sequence of length ", sizes[depth], " at dim ",
                    depth, " (got ", item_count(items), ")");
  for (Py_ssize_t i = 0; i < sizes[depth]; ++i) visit_leaves(item_at(items, i).ptr(), sizes, depth + 1, op, visit);
}

template <class T>
T checked_element(const Scalar& value, const char* op) {
  constexpr bool is_real = !is_complex(dtype_v<T>) && !std::is_same_v<T, bool>;
  TENON_CHECK_TYPE(!is_real || !value.is_complex(), op, ": must be real number, not complex, for dtype ", dtype_v<T>);
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    const double real = value.to_double();
    // Unsigned types wrap negative numbers, as C does.
    const double limit = static_cast<double>(std::numeric_limits<T>::max());
    const bool holds_unsigned = dtype_v<T> == kUInt64;
    TENON_CHECK_VALUE(value.kind() != Scalar::Kind::Unsigned || holds_unsigned, op,
                      ": Overflow when unpacking long: ", value, " does not fit int64");
    const bool fits =
        (value.is_integral() && sizeof(T) == 8) || std::abs(std::trunc(real)) <= limit + (real < 0 ? 1 : 0);
    TENON_CHECK_AS(Error, fits, op, ": value ", value, " cannot be converted to type ", dtype_v<T>,
                   " without overflow");
  }
  return value.to<T>();
}

Tensor moved(const Tensor& tensor, optional<ScalarType> dtype, optional<Device> device) {
  ReleaseGil gil(tensor.numel() > kReleaseGilElements);
  return tensor.to(TensorOptions().dtype(dtype.value_or(tensor.dtype())).device(device.value_or(tensor.device())));
}

Tensor copied(const Tensor& tensor) {
  ReleaseGil gil(tensor.numel() > kReleaseGilElements);
  return tensor.clone(MemoryFormat::Preserve);
}

Tensor from_nested(PyObject* data, optional<ScalarType> dtype, const char* op) {
  const std::vector<int64_t> sizes = nested_sizes(data, op);
  const int64_t numel = checked_numel(sizes, op);
  if (!dtype) {
    optional<ScalarType> found;
    if (numel > 0) {
      auto infer = [&](PyObject* leaf) {
        const ScalarType own = PyFloat_CheckExact(leaf) ? get_default_dtype() : leaf_dtype(leaf, op);
        found = found ? promote_types(*found, own) : own;
      };
      visit_leaves(data, sizes, 0, op, infer);
    }
    dtype = found.value_or(get_default_dtype());
  }
  Tensor result = tenon::empty(sizes, *dtype);
  visit_dtype(*dtype, [&](auto zero) {
    using T = decltype(zero);
    T* next = result.data_ptr<T>();
    T* const end = next + numel;
    auto store = [&](PyObject* leaf) {
      if (next == end) detail::fail<ValueError>(op, ": the sequence changed while it was read");
      *next++ = checked_element<T>(leaf_value(leaf, op), op);
    };
    // An empty level hides what its neighbours hold.
    if (numel > 0) visit_leaves(data, sizes, 0, op, store);
  });
  return result;
}

PyObject* nested_list(const Tensor& tensor, size_t dim, int64_t offset) {
  if (dim == tensor.sizes().size()) {
    const char* data =
        static_cast<const char*>(tensor.data_ptr()) + offset * static_cast<int64_t>(tensor.element_size());
    const Scalar value = visit_dtype(tensor.dtype(), [&](auto zero) {
      decltype(zero) element;
      std::memcpy(&element, data, sizeof(element));
      return Scalar(element);
    });
    return nb::cast(value).release().ptr();
  }
  const int64_t size = tensor.sizes()[dim];
  nb::object list = steal(PyList_New(static_cast<Py_ssize_t>(size)));
  for (int64_t i = 0; i < size; ++i) {
    set_list_item(list.ptr(), static_cast<Py_ssize_t>(i),
                  checked(nested_list(tensor, dim + 1, offset + i * tensor.strides()[dim])));
  }
  return list.release().ptr();
}

optional<Device> device_argument(nb::handle object) {
  if (object.is_none()) return nullopt;
  Device device;
  TENON_CHECK_TYPE(to_device(object.ptr(), device), "argument 'device' must be device, not ", type_name(object.ptr()));
  return device;
}

optional<ScalarType> dtype_argument(nb::handle object) {
  if (object.is_none()) return nullopt;
  ScalarType dtype;
  TENON_CHECK_TYPE(to_dtype(object.ptr(), dtype), "argument 'dtype' must be dtype, not ", type_name(object.ptr()));
  return dtype;
}

Tensor as_tensor(nb::handle data, nb::handle dtype, nb::handle device) {
  PyObject* object = data.ptr();
  const optional<ScalarType> wanted = dtype_argument(dtype);
  const optional<Device> where = device_argument(device);
  if (is_tensor(object)) return moved(unwrap(object), wanted, where);
  if (is_numpy_array(object)) return moved(tensor_over_buffer(object, "as_tensor"), wanted, where);
  return tensor_from_data(object, wanted, where, "as_tensor");
}

}  // namespace

Tensor tensor_from_data(PyObject* data, optional<ScalarType> dtype, optional<Device> device, const char* op) {
  Tensor result;
  if (is_tensor(data)) {
    NoGradGuard no_grad;
    result = copied(unwrap(data));
  } else if (is_numpy_array(data)) {
    result = copied(tensor_over_buffer(data, op));
  } else {
    refuse_pytorch_tensor(data, op);
    result = from_nested(data, dtype, op);
  }
  if (dtype || device) {
    NoGradGuard no_grad;
    result = moved(result, dtype, device);
  }
  return result;
}

Tensor tensor_of_bytes(const std::vector<uint8_t>& bytes) {
  Tensor result = tenon::empty({static_cast<int64_t>(bytes.size())}, kByte);
  if (!bytes.empty()) std::memcpy(result.data_ptr(), bytes.data(), bytes.size());
  return result;
}

std::vector<uint8_t> bytes_of_tensor(const Tensor& tensor, const char* op) {
  TENON_CHECK_TYPE(tensor.dtype() == kByte && tensor.is_cpu(), op,
                   ": the state must be a uint8 tensor on the CPU, got ", tensor.dtype(), " on ", tensor.device());
  const Tensor packed = tensor.contiguous();
  const auto* first = static_cast<const uint8_t*>(packed.data_ptr());
  return std::vector<uint8_t>(first, first + packed.numel());
}

PyObject* to_nested_list(const Tensor& tensor) {
  NoGradGuard no_grad;
  return nested_list(tensor.is_cpu() ? tensor : tensor.cpu(), 0, 0);
}

void init_creation(nb::module_& module) {
  module.def(
      "tensor",
      [](nb::handle data, nb::handle dtype, nb::handle device, bool requires_grad, bool) {
        Tensor result = tensor_from_data(data.ptr(), dtype_argument(dtype), device_argument(device), "tensor");
        if (requires_grad) result.requires_grad_(true);
        return result;
      },
      nb::arg("data").none(), nb::kw_only(), nb::arg("dtype") = nb::none(), nb::arg("device") = nb::none(),
      nb::arg("requires_grad") = false, nb::arg("pin_memory") = false, "A new tensor with a copy of `data`.");
  module.def("as_tensor", as_tensor, nb::arg("data").none(), nb::arg("dtype") = nb::none(),
             nb::arg("device") = nb::none(), "`data` as a tensor, without a copy where that can be.");
  module.def(
      "from_numpy",
      [](nb::handle array) {
        TENON_CHECK_TYPE(is_numpy_array(array.ptr()), "from_numpy: expected np.ndarray (got ", type_name(array.ptr()),
                         ")");
        return tensor_over_buffer(array.ptr(), "from_numpy");
      },
      nb::arg("ndarray"), "A tensor that shares the memory of a NumPy array.");
  module.def(
      "frombuffer",
      [](nb::handle buffer, ScalarType dtype, int64_t count, int64_t offset, bool requires_grad) {
        Tensor result = tensor_from_bytes(buffer.ptr(), dtype, count, offset);
        if (requires_grad) result.requires_grad_(true);
        return result;
      },
      nb::arg("buffer"), nb::kw_only(), nb::arg("dtype"), nb::arg("count") = -1, nb::arg("offset") = 0,
      nb::arg("requires_grad") = false, "A 1-d tensor that shares the memory of an object with the buffer protocol.");
}

}  // namespace tenon::python
