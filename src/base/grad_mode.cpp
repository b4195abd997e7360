// The thread-local switches of autograd.
#include "tenon/base/grad_mode.h"

namespace tenon {
namespace {
thread_local constinit bool grad_enabled = true;
thread_local constinit bool inference_enabled = false;
}  // namespace

bool GradMode::is_enabled() { return grad_enabled; }
void GradMode::set_enabled(bool enabled) { grad_enabled = enabled; }

bool InferenceMode::is_enabled() { return inference_enabled; }

InferenceMode::InferenceMode(bool enabled) : previous_inference_(inference_enabled), previous_grad_(grad_enabled) {
  inference_enabled = enabled;
  grad_enabled = !enabled;
}

InferenceMode::~InferenceMode() {
  inference_enabled = previous_inference_;
  grad_enabled = previous_grad_;
}

}  // namespace tenon
