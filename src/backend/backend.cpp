// Finds the backend of a device.
#include "backend/backend.h"

#include "backend/cpu/kernels.h"
#include "backend/cpu/memory.h"

namespace tenon {

const Backend& backend_of(Device device) {
  if (device.is_cpu()) [[likely]] return cpu_backend();
  detail::fail<DeviceError>("device ", device, " is not available: no backend for it was loaded");
}

}  // namespace tenon
