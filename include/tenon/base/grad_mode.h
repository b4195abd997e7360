// Thread-local switches: whether ops are recorded, and whether tensors may ever be part of a graph. The autograd layer
// obeys them; they lie here because lower layers ask for them too.
#pragma once

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

}  // namespace tenon
