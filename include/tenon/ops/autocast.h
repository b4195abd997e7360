// Autocast: within its regions ops convert their arguments first, products to a shorter dtype and what needs range to a
// longer one, as PyTorch's lists say. In-place forms do not.
#pragma once

#include "tenon/base/device.h"
#include "tenon/base/dtype.h"
#include "tenon/base/export.h"
#include "tenon/tensor/options.h"

namespace tenon {

// The state of this thread, for each kind of device; libtorch's names.
namespace autocast {
TENON_API bool is_autocast_enabled(DeviceType device);
TENON_API void set_autocast_enabled(DeviceType device, bool enabled);
// The shorter dtype.
TENON_API ScalarType get_autocast_dtype(DeviceType device);
TENON_API void set_autocast_dtype(DeviceType device, ScalarType dtype);
// Whether converted weights are kept until all regions are left.
TENON_API bool is_autocast_cache_enabled();
TENON_API void set_autocast_cache_enabled(bool enabled);
TENON_API int increment_nesting();
TENON_API int decrement_nesting();
TENON_API void clear_cache();

// While it lives, ops of this thread convert nothing.
class TENON_API Pause {
 public:
  explicit Pause(bool paused = true);
  ~Pause();
  Pause(const Pause&) = delete;

 private:
  bool paused_;
};
}  // namespace autocast

namespace amp {

// A region, as long as it lives:
//
//   Tensor loss;
//   {
//     amp::autocast region(kCPU);
//     loss = cross_entropy(model(x), y);
//   }
//   loss.backward();
class TENON_API autocast {
 public:
  // Without a dtype, bfloat16 on the CPU and half on CUDA, or what set_autocast_dtype() said.
  explicit autocast(DeviceType device, optional<ScalarType> dtype = nullopt, bool enabled = true,
                    optional<bool> cache_enabled = nullopt);
  ~autocast();
  autocast(const autocast&) = delete;

 private:
  DeviceType device_;
  bool was_enabled_, cache_was_enabled_;
  ScalarType dtype_before_;
};

}  // namespace amp
}  // namespace tenon
