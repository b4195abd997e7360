// The defaults that factories fall back on.
#include "tenon/tensor/options.h"

#include <atomic>

namespace tenon {
namespace {
std::atomic<ScalarType> default_dtype{kFloat};
thread_local Device default_device{kCPU};
}  // namespace

ScalarType get_default_dtype() { return default_dtype.load(std::memory_order_relaxed); }

void set_default_dtype(ScalarType dtype) {
  TENON_CHECK_TYPE(is_floating_point(dtype), "set_default_dtype: dtype must be a floating-point type, got ", dtype);
  default_dtype.store(dtype, std::memory_order_relaxed);
}

Device get_default_device() { return default_device; }
void set_default_device(Device device) { default_device = device; }

ScalarType TensorOptions::dtype() const { return dtype_.value_or(get_default_dtype()); }
Device TensorOptions::device() const { return device_.value_or(get_default_device()); }

}  // namespace tenon
