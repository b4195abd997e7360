// GradScaler: losses scaled so that gradients of short dtypes do not vanish, and steps skipped where they overflow.
//
//   amp::GradScaler scaler(kCUDA);
//   scaler.scale(loss).backward();
//   scaler.step(optimizer);
//   scaler.update();
#pragma once

#include <unordered_map>
#include <vector>

#include "tenon/nn/arg.h"
#include "tenon/optim/optimizer.h"

namespace tenon::amp {

struct GradScalerOptions {
  TENON_ARG(double, init_scale) = 65536;
  TENON_ARG(double, growth_factor) = 2;
  TENON_ARG(double, backoff_factor) = 0.5;
  TENON_ARG(int64_t, growth_interval) = 2000;
  TENON_ARG(bool, enabled) = true;
};

class TENON_API GradScaler {
 public:
  explicit GradScaler(DeviceType device = kCUDA, GradScalerOptions options = {});

  // Times the scale.
  Tensor scale(const Tensor& output);
  std::vector<Tensor> scale(const std::vector<Tensor>& outputs);
  // Divides the gradients of an optimizer by the scale, before its step does.
  void unscale_(optim::Optimizer& optimizer);
  // Steps an optimizer, unless a gradient is infinite or NaN; says whether it did.
  bool step(optim::Optimizer& optimizer);
  // Lowers the scale if a gradient overflowed, raises it if none did for long; or sets it.
  void update(optional<double> new_scale = nullopt);

  double get_scale() const { return options_.enabled() ? scale_ : 1; }
  int64_t get_growth_tracker() const { return growth_tracker_; }
  bool is_enabled() const { return options_.enabled(); }
  GradScalerOptions& options() { return options_; }
  const GradScalerOptions& options() const { return options_; }

  // What Python's state_dict() has; all that a scaler is.
  struct State {
    double scale;
    double growth_factor, backoff_factor;
    int64_t growth_interval, growth_tracker;
  };
  State state_dict() const;
  void load_state_dict(const State& state);

 private:
  enum class Stage : uint8_t { Ready, Unscaled, Stepped };
  struct OptimizerState {
    Stage stage = Stage::Ready;
    bool found_inf = false;
  };
  void check_scaled(const char* what) const;

  GradScalerOptions options_;
  // A float, as Python keeps it in a tensor.
  float scale_;
  int64_t growth_tracker_ = 0;
  bool scaled_ = false;
  std::unordered_map<const optim::Optimizer*, OptimizerState> optimizers_;
};

}  // namespace tenon::amp
