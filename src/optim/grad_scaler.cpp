// Scaled losses; see grad_scaler.h.
#include "tenon/optim/grad_scaler.h"

#include <cmath>

#include "base/log.h"
#include "tenon/backend/cuda.h"
#include "tenon/base/grad_mode.h"
#include "tenon/ops/ops.h"

namespace tenon::amp {

GradScaler::GradScaler(DeviceType device, GradScalerOptions options)
    : options_(std::move(options)), scale_(static_cast<float>(options_.init_scale())) {
  if (options_.enabled() && device == kCUDA && !cuda::is_available()) {
    log(LogLevel::Warning, "GradScaler is enabled, but CUDA is not available. Disabling.");
    options_.enabled(false);
  }
  TENON_CHECK_VALUE(!options_.enabled() || options_.growth_factor() > 1, "The growth factor must be > 1.0.");
  TENON_CHECK_VALUE(!options_.enabled() || options_.backoff_factor() < 1, "The backoff factor must be < 1.0.");
}

Tensor GradScaler::scale(const Tensor& output) {
  if (!options_.enabled()) return output;
  scaled_ = true;
  return output * scalar_tensor(scale_, TensorOptions(kFloat).device(output.device()));
}

std::vector<Tensor> GradScaler::scale(const std::vector<Tensor>& outputs) {
  std::vector<Tensor> scaled;
  for (const Tensor& output : outputs) scaled.push_back(scale(output));
  return scaled;
}

void GradScaler::check_scaled(const char* what) const {
  TENON_CHECK(scaled_, "Attempted ", what,
              " but _scale is None.  This may indicate your script did not use "
              "scaler.scale(loss or outputs) earlier in the iteration.");
}

void GradScaler::unscale_(optim::Optimizer& optimizer) {
  if (!options_.enabled()) return;
  check_scaled("unscale_");
  OptimizerState& state = optimizers_[&optimizer];
  TENON_CHECK(state.stage != Stage::Unscaled,
              "unscale_() has already been called on this optimizer since the last update().");
  TENON_CHECK(state.stage != Stage::Stepped, "unscale_() is being called after step().");
  NoGradGuard no_grad;
  const auto inverse = static_cast<double>(static_cast<float>(1 / static_cast<double>(scale_)));
  for (const optim::OptimizerParamGroup& group : optimizer.param_groups()) {
    for (const Tensor& param : group.params()) {
      const Tensor& grad = param.grad();
      if (!grad.defined()) continue;
      TENON_CHECK_VALUE(grad.dtype() != kHalf, "Attempting to unscale FP16 gradients.");
      state.found_inf |= !isfinite(grad).all().item<bool>();
      if (inverse != 1) grad.mul_(inverse);
    }
  }
  state.stage = Stage::Unscaled;
}

bool GradScaler::step(optim::Optimizer& optimizer) {
  if (!options_.enabled()) {
    optimizer.step();
    return true;
  }
  check_scaled("step");
  OptimizerState& state = optimizers_[&optimizer];
  TENON_CHECK(state.stage != Stage::Stepped, "step() has already been called since the last update().");
  if (state.stage == Stage::Ready) unscale_(optimizer);
  state.stage = Stage::Stepped;
  if (!state.found_inf) optimizer.step();
  return !state.found_inf;
}

void GradScaler::update(optional<double> new_scale) {
  if (!options_.enabled()) return;
  check_scaled("update");
  if (new_scale) {
    scale_ = static_cast<float>(*new_scale);
  } else {
    TENON_CHECK(!optimizers_.empty(), "No inf checks were recorded prior to update.");
    bool found_inf = false;
    for (const auto& [optimizer, state] : optimizers_) found_inf |= state.found_inf;
    if (found_inf) {
      scale_ = static_cast<float>(scale_ * options_.backoff_factor());
      growth_tracker_ = 0;
    } else if (++growth_tracker_ >= options_.growth_interval()) {
      // A scale that would be infinite stays.
      const auto grown = static_cast<float>(scale_ * options_.growth_factor());
      if (std::isfinite(grown)) scale_ = grown;
      growth_tracker_ = 0;
    }
  }
  optimizers_.clear();
}

GradScaler::State GradScaler::state_dict() const {
  return {get_scale(), options_.growth_factor(), options_.backoff_factor(), options_.growth_interval(),
          growth_tracker_};
}

void GradScaler::load_state_dict(const State& state) {
  if (!options_.enabled()) return;
  scale_ = static_cast<float>(state.scale);
  options_.growth_factor(state.growth_factor).backoff_factor(state.backoff_factor);
  options_.growth_interval(state.growth_interval);
  growth_tracker_ = state.growth_tracker;
}

}  // namespace tenon::amp
