// The Python class of devices.
#pragma once

#include "python.h"
#include "tenon/base/device.h"

namespace tenon::python {

// A new reference to a device object.
PyObject* make_device(Device device);

}  // namespace tenon::python
