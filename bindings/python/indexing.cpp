// See indexing.h.
#include "indexing.h"

#include "arguments.h"
#include "creation.h"
#include "overrides.h"
#include "stable_abi.h"
#include "tenon/base/small_vec.h"
#include "tenon/ops/ops.h"

namespace tenon::python {
namespace {

using Indices = SmallVec<TensorIndex, 6>;

// A list, array or other sequence between the brackets.
Tensor index_tensor(PyObject* object, const Tensor& self) {
  Tensor index = tensor_from_data(object, nullopt, nullopt, "index");
  // An empty list has no type of its own.
  if (index.numel() == 0 && !is_integral(index.dtype(), true)) index = index.to(kLong);
  return index.device() == self.device() ? index : index.to(self.device());
}

TensorIndex to_index(PyObject* item, const Tensor& self) {
  if (item == Py_None) return indexing::None;
  if (item == Py_Ellipsis) return indexing::Ellipsis;
  if (PyBool_Check(item)) return item == Py_True;
  int64_t number = 0;
  if (PyLong_Check(item) && to_int(item, number)) return number;
  if (PySlice_Check(item)) {
    Py_ssize_t start, stop, step;
    check_status(PySlice_Unpack(item, &start, &stop, &step));
    TENON_CHECK_VALUE(step > 0, "slice: step must be greater than zero, got ", step);
    return indexing::Slice(int64_t{start}, int64_t{stop}, int64_t{step});
  }
  if (is_tensor(item)) {
    Scalar value;
    if (unwrap(item).dtype() != kByte && zero_dim_tensor_to_number(item, true, value)) return value.to_int64();
    return unwrap(item);
  }
  refuse_pytorch_tensor(item, "index");
  if (to_int(item, number)) return number;
  if (PyList_Check(item) || PyTuple_Check(item) || is_numpy_array(item) || PyRange_Check(item))
    return index_tensor(item, self);
  detail::fail<IndexError>(
      "index: only integers, slices (`:`), ellipsis (`...`), None, bools and integer or bool tensors, ",
      "arrays and lists are valid indices (got ", type_name(item), ")");
}

void to_indices(PyObject* key, const Tensor& self, Indices& out) {
  if (!PyTuple_Check(key)) {
    out.push_back(to_index(key, self));
    return;
  }
  for (Py_ssize_t i = 0; i < tuple_size(key); ++i) out.push_back(to_index(tuple_item(key, i), self));
}

// Whether tensors among the indices pick many elements; without such, what is read is a view.
bool gathers_much(const Tensor& self, const Indices& indices) {
  double picked = 1;
  bool gathers = false;
  for (const TensorIndex& index : indices) {
    const auto* tensor = std::get_if<Tensor>(&index);
    if (!tensor) continue;
    gathers = true;
    picked *= static_cast<double>(std::max<int64_t>(1, tensor->numel()));
  }
  return gathers && picked * static_cast<double>(self.numel()) > kReleaseGilProduct;
}

PyObject* get_item(PyObject* self, PyObject* key) {
  return guarded([&]() -> PyObject* {
    PyObject* const args[] = {self, key};
    if (is_overridden(args, 2)) return call_overridden_method("__getitem__", self, key);
    const Tensor& x = unwrap(self);
    Indices indices;
    to_indices(key, x, indices);
    Tensor result;
    {
      ReleaseGil gil(gathers_much(x, indices));
      result = x.index(ArrayRef<TensorIndex>(indices.data(), indices.size()));
    }
    return wrap(std::move(result));
  });
}

int set_item(PyObject* self, PyObject* key, PyObject* value) {
  return guarded(
      [&] {
        TENON_CHECK_TYPE(value, "Tensor does not support deleting items");
        PyObject* const args[] = {self, key, value};
        if (is_overridden(args, 3)) {
          steal(call_overridden_method("__setitem__", self, key, value));
          return 0;
        }
        const Tensor& x = unwrap(self);
        Indices indices;
        to_indices(key, x, indices);
        const ArrayRef<TensorIndex> where(indices.data(), indices.size());
        Scalar number;
        const bool is_number = !is_tensor(value) && to_number(value, number);
        Tensor source;
        if (!is_number) {
          source = is_tensor(value) ? unwrap(value) : tensor_from_data(value, x.dtype(), x.device(), "index_put_");
        }
        ReleaseGil gil(x.numel() > kReleaseGilElements || gathers_much(x, indices));
        if (is_number) {
          x.index_put_(where, number);
        } else {
          x.index_put_(where, source);
        }
        return 0;
      },
      -1);
}

Py_ssize_t length(PyObject* self) {
  return guarded(
      [&]() -> Py_ssize_t {
        if (is_overridden(self)) {
          return PyNumber_AsSsize_t(steal(call_overridden_method("__len__", self)).ptr(), PyExc_OverflowError);
        }
        const Tensor& x = unwrap(self);
        TENON_CHECK_TYPE(x.dim() > 0, "len() of a 0-d tensor");
        return static_cast<Py_ssize_t>(x.sizes()[0]);
      },
      Py_ssize_t{-1});
}

int contains(PyObject* self, PyObject* value) {
  return guarded(
      [&] {
        PyObject* const args[] = {self, value};
        if (is_overridden(args, 2)) {
          return PyObject_IsTrue(steal(call_overridden_method("__contains__", self, value)).ptr());
        }
        const Tensor& x = unwrap(self);
        Scalar number;
        TENON_CHECK_AS(Error, is_tensor(value) || to_number(value, number),
                       "Tensor.__contains__ only supports Tensor or scalar, but you passed in a ", type_name(value));
        ReleaseGil gil(x.numel() > kReleaseGilElements);
        const Tensor equal = is_tensor(value) ? eq(x, unwrap(value)) : eq(x, number);
        return equal.any().item().to<bool>() ? 1 : 0;
      },
      -1);
}

}  // namespace

void add_indexing_slots(std::vector<PyType_Slot>& slots) {
  slots.push_back({Py_mp_subscript, reinterpret_cast<void*>(get_item)});
  slots.push_back({Py_mp_ass_subscript, reinterpret_cast<void*>(set_item)});
  slots.push_back({Py_mp_length, reinterpret_cast<void*>(length)});
  slots.push_back({Py_sq_contains, reinterpret_cast<void*>(contains)});
}

}  // namespace tenon::python
