// TensorOptions: what a factory needs besides sizes. Written as in libtorch:
// dtype(kInt64).device(kCPU).requires_grad(true).
#pragma once

#include <optional>

#include "tenon/base/device.h"
#include "tenon/base/dtype.h"

namespace tenon {

using std::nullopt;
using std::optional;

enum class MemoryFormat : int8_t { Contiguous, Preserve, ChannelsLast, ChannelsLast3d };

class TensorOptions {
 public:
  TensorOptions() = default;
  TensorOptions(ScalarType dtype) : dtype_(dtype) {}
  TensorOptions(Device device) : device_(device) {}
  TensorOptions(DeviceType type) : device_(Device(type)) {}

  [[nodiscard]] TensorOptions dtype(optional<ScalarType> dtype) const {
    TensorOptions copy = *this;
    if (dtype) copy.dtype_ = dtype;
    return copy;
  }
  [[nodiscard]] TensorOptions device(optional<Device> device) const {
    TensorOptions copy = *this;
    if (device) copy.device_ = device;
    return copy;
  }
  [[nodiscard]] TensorOptions requires_grad(bool requires_grad) const {
    TensorOptions copy = *this;
    copy.requires_grad_ = requires_grad;
    return copy;
  }
  [[nodiscard]] TensorOptions memory_format(optional<MemoryFormat> format) const {
    TensorOptions copy = *this;
    if (format) copy.memory_format_ = format;
    return copy;
  }

  optional<ScalarType> dtype_opt() const { return dtype_; }
  optional<Device> device_opt() const { return device_; }
  optional<MemoryFormat> memory_format_opt() const { return memory_format_; }
  bool requires_grad() const { return requires_grad_; }
  // The default dtype and device stand in for what was not given.
  TENON_API ScalarType dtype() const;
  TENON_API Device device() const;

 private:
  optional<ScalarType> dtype_;
  optional<Device> device_;
  optional<MemoryFormat> memory_format_;
  bool requires_grad_ = false;
};

inline TensorOptions dtype(ScalarType dtype) { return TensorOptions(dtype); }
inline TensorOptions device(Device device) { return TensorOptions(device); }
inline TensorOptions requires_grad(bool requires_grad = true) { return TensorOptions().requires_grad(requires_grad); }

// What factories use where no dtype or device is given.
TENON_API ScalarType get_default_dtype();
TENON_API void set_default_dtype(ScalarType dtype);
TENON_API Device get_default_device();
TENON_API void set_default_device(Device device);

}  // namespace tenon
