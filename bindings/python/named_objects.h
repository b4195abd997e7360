// The constants of the module (dtypes, layouts, memory formats) and Size, the type of shapes.
#pragma once

#include "python.h"
#include "tenon/base/array_ref.h"
#include "tenon/base/dtype.h"
#include "tenon/tensor/options.h"

namespace tenon::python {

// A constant with a name; its type tells what `value` means.
struct NamedObject {
  PyObject_HEAD
  int value;
  const char* name;
};

extern PyTypeObject* dtype_type;
extern PyTypeObject* layout_type;
extern PyTypeObject* memory_format_type;
extern PyTypeObject* size_type;

// The object of a dtype (borrowed).
PyObject* dtype_object(ScalarType dtype);
// The object of the one layout there is (borrowed).
PyObject* strided_layout();
inline ScalarType dtype_of_object(PyObject* object) {
  return static_cast<ScalarType>(reinterpret_cast<NamedObject*>(object)->value);
}
inline MemoryFormat memory_format_of_object(PyObject* object) {
  return static_cast<MemoryFormat>(reinterpret_cast<NamedObject*>(object)->value);
}
// A dtype object, or one of Python's float, int, bool and complex, as a dtype; false for anything else.
bool to_dtype(PyObject* object, ScalarType& out);

// A new Size.
PyObject* make_size(IntArrayRef sizes);

}  // namespace tenon::python
