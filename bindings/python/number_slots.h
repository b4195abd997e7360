// The number protocol of tensors: a + b, a @ b, a < b, -a, float(a) and the like, called through raw type slots.
#pragma once

#include <vector>

#include "python.h"

namespace tenon::python {

void add_number_slots(std::vector<PyType_Slot>& slots);

}  // namespace tenon::python
