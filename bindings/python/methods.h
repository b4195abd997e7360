// Adds methods that are C++ functions to the Python type of tensors.
#pragma once

#include "tensor_type.h"

namespace tenon::python {

template <class F, class... Extra>
void add_method(const char* name, F&& function, const Extra&... extra) {
  nb::handle type(reinterpret_cast<PyObject*>(tensor_type));
  nb::setattr(type, name,
              nb::cpp_function(std::forward<F>(function), nb::name(name), nb::scope(type), nb::is_method(), extra...));
}

}  // namespace tenon::python
