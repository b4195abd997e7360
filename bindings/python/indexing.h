// x[...] and x[...] = value, len(x) and `in`.
#pragma once

#include <vector>

#include "python.h"

namespace tenon::python {

void add_indexing_slots(std::vector<PyType_Slot>& slots);

}  // namespace tenon::python
