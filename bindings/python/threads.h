// What an interpreter without a GIL asks for where C++ objects know their Python objects without owning them. Where
// there is a GIL the locks are empty. Depends on python.h only.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "python.h"
#include "stable_abi.h"

namespace tenon::python {

#ifdef Py_GIL_DISABLED
inline constexpr bool kHasGil = false;
#else
inline constexpr bool kHasGil = true;
#endif

// The lock of a C++ object's pointer to its Python object. Objects share locks, so whoever holds one takes no other
// and runs no Python code.
inline nb::ft_mutex& lock_of_link(const void* object) {
  static constexpr size_t kLocks = 64;
  static std::array<nb::ft_mutex, kLocks> locks;
  return locks[(reinterpret_cast<uintptr_t>(object) / 64) % kLocks];
}

// Prepares a fresh object for try_incref() on other threads.
inline void enable_try_incref([[maybe_unused]] PyObject* object) {
#if defined(Py_GIL_DISABLED) && PY_VERSION_HEX >= 0x030E0000
  PyUnstable_EnableTryIncRef(object);
#elif defined(Py_GIL_DISABLED)
  // With a mark in the shared count the last reference is dropped there too, where other threads see it.
  Py_ssize_t unmarked = 0;
  std::atomic_ref<Py_ssize_t>(object->ob_ref_shared).compare_exchange_strong(unmarked, _Py_REF_MAYBE_WEAKREF);
#endif
}

// Takes a reference unless the object is dying; its memory must still be there.
inline bool try_incref(PyObject* object) {
#if defined(Py_GIL_DISABLED) && PY_VERSION_HEX >= 0x030E0000
  return PyUnstable_TryIncRef(object);
#elif defined(Py_GIL_DISABLED)
  if (_Py_IsImmortal(object) || std::atomic_ref<uintptr_t>(object->ob_tid).load() == _Py_ThreadId()) {
    Py_INCREF(object);
    return true;
  }
  std::atomic_ref<Py_ssize_t> shared(object->ob_ref_shared);
  Py_ssize_t count = shared.load();
  do {
    if (count == 0 || count == _Py_REF_MERGED) return false;
  } while (!shared.compare_exchange_weak(count, count + (Py_ssize_t{1} << _Py_REF_SHARED_SHIFT)));
  return true;
#else
  if (Py_REFCNT(object) == 0) return false;
  Py_INCREF(object);
  return true;
#endif
}

// The item of a list or tuple; invalid where another thread, or code that ran meanwhile, has made the list shorter.
inline nb::object item_of(PyObject* sequence, Py_ssize_t i) {
#ifdef Py_GIL_DISABLED
  if (PyList_Check(sequence)) {
    PyObject* item = PyList_GetItemRef(sequence, i);
    if (!item) PyErr_Clear();
    return nb::steal(item);
  }
#endif
  return i < sequence_size(sequence) ? nb::borrow(sequence_item(sequence, i)) : nb::object();
}

// What a dict has under `key`; invalid where it has nothing.
inline nb::object find_item(PyObject* dict, const char* key) {
#ifdef Py_GIL_DISABLED
  PyObject* item = nullptr;
  check_status(PyDict_GetItemStringRef(dict, key, &item));
  return nb::steal(item);
#else
  return nb::borrow(PyDict_GetItemString(dict, key));
#endif
}

// What a type or one of its bases has as the attribute `name`, unbound; invalid where it has none.
inline nb::object find_attribute(PyTypeObject* type, PyObject* name) {
  return nb::type_lookup(reinterpret_cast<PyObject*>(type), name);
}

}  // namespace tenon::python
