// TensorOptions: what a factory needs besides sizes. Written as in libtorch:
// dtype(kInt64).device(kCPU).requires_grad(true).
#pragma once

#include <optional>

#include "tenon/base/device.h"
#include "tenon/base/dtype.h"

namespace tenon {

using std::nullopt;
using std::optional;

// All tensors are strided; programs name it where other layouts exist.
enum class Layout : int8_t { Strided };
inline constexpr Layout kStrided = Layout::Strided;

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
  [[nodiscard]] TensorOptions device(DeviceType type, int index) const { return device(Device(type, index)); }
  template <class T>
  [[nodiscard]] TensorOptions dtype() const {
    return dtype(dtype_v<T>);
  }
  [[nodiscard]] TensorOptions layout(Layout) const { return *this; }
  // Accepted; memory of the CPU is as it is.
  [[nodiscard]] TensorOptions pinned_memory(bool) const { return *this; }
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
  Layout layout() const { return kStrided; }
  bool has_dtype() const { return dtype_.has_value(); }
  bool has_device() const { return device_.has_value(); }
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
inline TensorOptions layout(Layout layout) { return TensorOptions().layout(layout); }
inline TensorOptions device(Device device) { return TensorOptions(device); }
inline TensorOptions requires_grad(bool requires_grad = true) { return TensorOptions().requires_grad(requires_grad); }

// What factories use where no dtype or device is given.
TENON_API ScalarType get_default_dtype();
TENON_API void set_default_dtype(ScalarType dtype);
TENON_API Device get_default_device();
TENON_API void set_default_device(Device device);

}  // namespace tenon
