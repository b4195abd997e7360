// Anomaly mode, which is one for the process.
#include "tenon/autograd/grad_mode.h"

#include <atomic>
#include <mutex>

#include "autograd/trace.h"

namespace tenon {
namespace {

std::atomic<bool> anomaly_enabled{false};
std::atomic<bool> anomaly_checks_nan{true};

struct Tracer {
  std::mutex mutex;
  std::function<std::string()> function;
};
Tracer& tracer() {
  static Tracer instance;
  return instance;
}

}  // namespace

bool AnomalyMode::is_enabled() { return anomaly_enabled.load(std::memory_order_relaxed); }
bool AnomalyMode::should_check_nan() { return anomaly_checks_nan.load(std::memory_order_relaxed); }

void AnomalyMode::set_enabled(bool enabled, bool check_nan) {
  anomaly_enabled.store(enabled, std::memory_order_relaxed);
  anomaly_checks_nan.store(check_nan, std::memory_order_relaxed);
}

void AnomalyMode::set_tracer(std::function<std::string()> function) {
  std::lock_guard lock(tracer().mutex);
  tracer().function = std::move(function);
}

std::string current_trace() {
  std::function<std::string()> function;
  {
    std::lock_guard lock(tracer().mutex);
    function = tracer().function;
  }
  return function ? function() : std::string();
}

}  // namespace tenon
