// Thread-local switches: whether ops are recorded, and whether tensors may ever be part of a graph.
#pragma once

#include <functional>
#include <string>

#include "tenon/base/export.h"

namespace tenon {

struct TENON_API GradMode {
  static bool is_enabled();
  static void set_enabled(bool enabled);
};

struct TENON_API InferenceMode {
  static bool is_enabled();

  // Within the guard's life nothing is recorded and new tensors are inference tensors.
  explicit InferenceMode(bool enabled = true);
  ~InferenceMode();
  InferenceMode(const InferenceMode&) = delete;

 private:
  bool previous_inference_, previous_grad_;
};

class AutoGradMode {
 public:
  explicit AutoGradMode(bool enabled) : previous_(GradMode::is_enabled()) { GradMode::set_enabled(enabled); }
  ~AutoGradMode() { GradMode::set_enabled(previous_); }
  AutoGradMode(const AutoGradMode&) = delete;

 private:
  bool previous_;
};

struct NoGradGuard : AutoGradMode {
  NoGradGuard() : AutoGradMode(false) {}
};

// While anomaly mode is on, backward names the forward op whose gradient is NaN.
struct TENON_API AnomalyMode {
  static bool is_enabled();
  static bool should_check_nan();
  static void set_enabled(bool enabled, bool check_nan = true);
  // Tells where the program is now, for the note that every recorded node then gets; bindings give a stack trace.
  static void set_tracer(std::function<std::string()> tracer);
};

}  // namespace tenon
