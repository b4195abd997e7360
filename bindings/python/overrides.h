// __torch_function__: who else may answer a call on tensors, and how it is asked. A call on plain tensors and numbers
// pays a look at the type of each argument.
#pragma once

#include <atomic>

#include "python.h"
#include "tensor_type.h"

namespace tenon::python {

// How many modes all threads together have entered.
extern std::atomic<int> entered_modes;

// Whether a mode of this thread wants to answer.
[[gnu::cold]] bool mode_is_active();
inline bool any_mode() { return entered_modes.load(std::memory_order_relaxed) != 0 && mode_is_active(); }

// Whether the type of `object`, or of an item of it where it is a list or tuple, wants to answer.
[[gnu::cold]] bool overrides(PyObject* object);

// Raises TypeError where an argument of `op` is a tensor of PyTorch.
[[gnu::cold]] void refuse_pytorch_tensor(PyObject* argument, const char* op);

// Whether a call with these arguments is to be answered by somebody else.
inline bool is_overridden(PyObject* const* args, size_t count) {
  if (any_mode()) return true;
  const PyTypeObject* const plain = tensor_type;
  for (PyObject* const* end = args + count; args != end; ++args) {
    const PyTypeObject* type = Py_TYPE(*args);
    if (type != plain && type != &PyLong_Type && overrides(*args)) return true;
  }
  return false;
}
inline bool is_overridden(PyObject* self) { return is_overridden(&self, 1); }

// Asks the innermost mode, then each overriding argument, for the result of `function`; a new reference.
[[gnu::cold]] PyObject* call_override(PyObject* function, PyObject* const* args, size_t positional, PyObject* keywords);

// The same for an attribute of Tensor: a method or slot, or the getter ("__get__") or setter of a property.
template <class... Args>
PyObject* call_overridden_method(const char* name, Args... args) {
  PyObject* const values[] = {args...};
  nb::object function = steal(PyObject_GetAttrString(reinterpret_cast<PyObject*>(tensor_type), name));
  return call_override(function.ptr(), values, sizeof...(args), nullptr);
}
template <class... Args>
PyObject* call_overridden_property(const char* name, const char* accessor, Args... args) {
  PyObject* const values[] = {args...};
  nb::object property = steal(PyObject_GetAttrString(reinterpret_cast<PyObject*>(tensor_type), name));
  nb::object function = steal(PyObject_GetAttrString(property.ptr(), accessor));
  return call_override(function.ptr(), values, sizeof...(args), nullptr);
}

// --- slots of the type, which ask first

template <size_t N>
struct SlotName {
  char text[N];
  constexpr SlotName(const char (&name)[N]) { std::copy_n(name, N, text); }
};

template <SlotName name, PyObject* (*slot)(PyObject*)>
PyObject* overridable(PyObject* self) {
  if (!is_overridden(self)) return slot(self);
  return guarded([&] { return call_overridden_method(name.text, self); });
}

template <SlotName name, PyObject* (*slot)(PyObject*, PyObject*)>
PyObject* overridable(PyObject* self, PyObject* argument) {
  PyObject* const args[] = {self, argument};
  if (!is_overridden(args, 2)) return slot(self, argument);
  return guarded([&] { return call_overridden_method(name.text, self, argument); });
}

template <SlotName name, int (*slot)(PyObject*)>
int overridable_truth(PyObject* self) {
  if (!is_overridden(self)) return slot(self);
  return guarded([&] { return PyObject_IsTrue(steal(call_overridden_method(name.text, self)).ptr()); }, -1);
}

}  // namespace tenon::python
