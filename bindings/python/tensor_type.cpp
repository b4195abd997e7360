// See tensor_type.h; the life of tensor objects and the slots that are neither numbers nor indexing.
#include "tensor_type.h"

#include <structmember.h>

#include <array>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "arguments.h"
#include "autograd/meta.h"
#include "creation.h"
#include "hooks.h"
#include "indexing.h"
#include "interop.h"
#include "number_slots.h"
#include "overrides.h"
#include "stable_abi.h"
#include "tenon/ops/ops.h"
#include "tenon/tensor/print.h"
#include "tensor_properties.h"
#include "threads.h"

namespace tenon::python {

PyTypeObject* tensor_type;

namespace {

// Dead objects of the exact type, for the next result. An interpreter without a GIL has such lists per thread itself.
constexpr size_t kFreeCapacity = kHasGil ? 32 : 0;
std::array<PyTensor*, kFreeCapacity> free_objects;
size_t free_count = 0;

PyTensor* allocate(PyTypeObject* type) {
  if (kHasGil && type == tensor_type && free_count > 0) {
    PyTensor* self = free_objects[--free_count];
    PyObject_Init(reinterpret_cast<PyObject*>(self), type);
    self->dict = nullptr;
    self->weak_references = nullptr;
    PyObject_GC_Track(self);
    return self;
  }
  return reinterpret_cast<PyTensor*>(PyType_GenericAlloc(type, 0));
}

// What a tensor's object leaves to its successor while others own the tensor: a gradient in its variable, or what a
// graph saved.
struct State {
  SharedObject type, attributes;
};

void leave_state(const PyTensor& self, PyTypeObject* type) noexcept {
  const bool has_attributes = self.dict && dict_size(self.dict) > 0;
  if (type == tensor_type && !has_attributes) return;
  try {
    self.tensor.impl()->python_state = std::make_shared<State>(
        State{SharedObject(nb::borrow(reinterpret_cast<PyObject*>(type))),
              SharedObject(has_attributes ? nb::borrow(self.dict) : nb::object(nb::none()))});
  } catch (const std::bad_alloc&) {
    // The object is dying: there is nobody to tell.
  }
}

PyObject* revive(Tensor tensor) {
  const auto state = std::static_pointer_cast<State>(std::move(tensor.impl()->python_state));
  PyObject* object = wrap_as(reinterpret_cast<PyTypeObject*>(state->type.get().ptr()), std::move(tensor));
  const nb::handle attributes = state->attributes.get();
  if (object && !attributes.is_none()) reinterpret_cast<PyTensor*>(object)->dict = Py_NewRef(attributes.ptr());
  return object;
}

void deallocate(PyObject* object) {
  auto* self = reinterpret_cast<PyTensor*>(object);
  PyTypeObject* type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  // First of all, for what runs from here on may ask for the tensor's object and must get another.
  {
    TensorImpl* impl = self->tensor.impl();
    nb::ft_lock_guard guard(lock_of_link(impl));
    if (impl->python_object == object) {
      impl->python_object = nullptr;
      if (impl->use_count() > 1) leave_state(*self, type);
    }
  }
  if (self->weak_references) PyObject_ClearWeakRefs(object);
  self->tensor.~Tensor();
  Py_CLEAR(self->dict);
  if (kHasGil && type == tensor_type && free_count < kFreeCapacity) {
    free_objects[free_count++] = self;
  } else {
    PyObject_GC_Del(object);
  }
  Py_DECREF(type);
}

int traverse(PyObject* object, visitproc visit, void* arg) {
  const auto* self = reinterpret_cast<PyTensor*>(object);
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(self->dict);
  const TensorImpl& impl = *self->tensor.impl();
  return impl.use_count() == 1 ? traverse_hooks(impl, visit, arg) : 0;
}

int clear(PyObject* object) {
  auto* self = reinterpret_cast<PyTensor*>(object);
  Py_CLEAR(self->dict);
  if (self->tensor.impl()->use_count() == 1) remove_hooks(Tensor(self->tensor));
  return 0;
}

// Tensor(), Tensor(2, 3), Tensor([1, 2]) and Tensor(other): a tensor of the default dtype.
PyObject* new_tensor(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    TENON_CHECK_TYPE(!kwargs || dict_size(kwargs) == 0 || type != tensor_type,
                     "Tensor() takes sizes or data and no keywords; tenon.tensor() takes a dtype and a device");
    const Py_ssize_t count = tuple_size(args);
    PyObject* first = count > 0 ? tuple_item(args, 0) : nullptr;
    if (first && is_tensor(first)) return wrap_as(type, unwrap(first).detach());
    if (first && !is_integer(first) && Py_TYPE(first) != size_type) {
      return wrap_as(type, tensor_from_data(first, get_default_dtype(), nullopt, "Tensor"));
    }
    std::vector<int64_t> sizes = {0};
    if (first) {
      PyObject* list = is_integer(first) ? args : first;
      TENON_CHECK_TYPE(to_int_list(list, sizes), "Tensor(): sizes must be integers");
    }
    return wrap_as(type, tenon::empty(sizes));
  });
}

PyObject* repr(PyObject* self) {
  return guarded([&]() -> PyObject* {
    // A subclass shows its own name in the place of "tensor".
    const std::string text =
        Py_TYPE(self) == tensor_type ? tenon::repr(unwrap(self)) : tenon::repr(unwrap(self), type_name(self));
    return PyUnicode_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size()));
  });
}

PyObject* iterate(PyObject* self) {
  return guarded([&]() -> PyObject* {
    if (is_overridden(self)) {
      const nb::object dims = steal(PyObject_CallMethod(self, "dim", nullptr));
      TENON_CHECK_TYPE(nb::cast<int64_t>(dims) > 0, "iteration over a 0-d tensor");
      return PyObject_GetIter(steal(PyObject_CallMethod(self, "unbind", "i", 0)).ptr());
    }
    const Tensor& x = unwrap(self);
    TENON_CHECK_TYPE(x.dim() > 0, "iteration over a 0-d tensor");
    const Py_ssize_t size = static_cast<Py_ssize_t>(x.sizes()[0]);
    nb::object rows = steal(PyTuple_New(size));
    for (Py_ssize_t i = 0; i < size; ++i) set_tuple_item(rows.ptr(), i, checked(wrap(x.select(0, i))));
    return PyObject_GetIter(rows.ptr());
  });
}

PyMemberDef members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(PyTensor, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(PyTensor, weak_references), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

}  // namespace

PyObject* wrap_as(PyTypeObject* type, Tensor tensor) {
  PyTensor* self = allocate(type);
  if (!self) return nullptr;
  auto* object = reinterpret_cast<PyObject*>(self);
  enable_try_incref(object);
  tensor.impl()->python_object = object;
  new (&self->tensor) Tensor(std::move(tensor));
  return object;
}

PyObject* wrap(Tensor tensor) {
  if (!tensor.defined()) return Py_NewRef(Py_None);
  const TensorImpl& impl = *tensor.impl();
  nb::ft_lock_guard guard(lock_of_link(&impl));
  if (auto* object = static_cast<PyObject*>(impl.python_object)) {
    if (try_incref(object)) return object;
    // It dies, on another thread or further down on this one's stack, and has not come to leaving its state.
    leave_state(*reinterpret_cast<PyTensor*>(object), Py_TYPE(object));
  }
  if (impl.python_state) return revive(std::move(tensor));
  return wrap_as(tensor_type, std::move(tensor));
}

void init_tensor_type(nb::module_& module) {
  std::vector<PyType_Slot> slots = {
      {Py_tp_new, reinterpret_cast<void*>(new_tensor)},
      {Py_tp_dealloc, reinterpret_cast<void*>(deallocate)},
      {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
      {Py_tp_clear, reinterpret_cast<void*>(clear)},
      {Py_tp_repr, reinterpret_cast<void*>(static_cast<reprfunc>(overridable<"__repr__", repr>))},
      {Py_tp_hash, PyType_GetSlot(&PyBaseObject_Type, Py_tp_hash)},
      {Py_tp_iter, reinterpret_cast<void*>(iterate)},
      {Py_tp_members, members},
      {Py_tp_getset, tensor_property_table()},
      {Py_tp_doc, const_cast<char*>("A strided, typed, shared block of numbers.")},
  };
  add_number_slots(slots);
  add_indexing_slots(slots);
  add_buffer_slots(slots);
  slots.push_back({0, nullptr});
  PyType_Spec spec = {"tenon.Tensor", sizeof(PyTensor), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots.data()};
  tensor_type = reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&spec)));
  module.attr("Tensor") = nb::borrow(reinterpret_cast<PyObject*>(tensor_type));
}

}  // namespace tenon::python
