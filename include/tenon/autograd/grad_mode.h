// The switches of autograd: those of each thread, and anomaly mode, which is one for the process.
#pragma once

#include <functional>
#include <string>

#include "tenon/base/grad_mode.h"

namespace tenon {

// While anomaly mode is on, backward names the forward op whose gradient is NaN.
struct TENON_API AnomalyMode {
  static bool is_enabled();
  static bool should_check_nan();
  static void set_enabled(bool enabled, bool check_nan = true);
  // Tells where the program is now, for the note that every recorded node then gets; bindings give a stack trace.
  static void set_tracer(std::function<std::string()> tracer);
};

}  // namespace tenon
