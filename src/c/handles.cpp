// See handles.h.
#include "c/handles.h"

#include <random>

#include "base/fork.h"
#include "tenon/base/error.h"

namespace tenon::c {

Handles& Handles::instance() {
  // Never destroyed: static destructors may free models.
  static Handles* const handles = new Handles;
  return *handles;
}

Handles::Handles() {
  std::random_device entropy;
  next_ = static_cast<uintptr_t>(uint64_t{entropy()} << 32 | entropy());
  const auto unlock = [] { instance().mutex_.unlock(); };
  on_fork(
      ForkRank::Models, [] { instance().mutex_.lock(); }, unlock, unlock);
}

tenon_model* Handles::add(std::shared_ptr<Model> model) {
  std::lock_guard lock(mutex_);
  // Odd, as no pointer to a model would be, and far from the one before; it returns after all other odd numbers.
  const uintptr_t handle = next_ << 1 | 1;
  next_ += static_cast<uintptr_t>(0x9e3779b97f4a7c15);
  models_.emplace(handle, std::move(model));
  return reinterpret_cast<tenon_model*>(handle);
}

Handles::Models::iterator Handles::place_of(const tenon_model* handle) {
  TENON_CHECK_VALUE(handle, "the model is null");
  const auto place = models_.find(reinterpret_cast<uintptr_t>(handle));
  TENON_CHECK_VALUE(place != models_.end(), "the handle is of no model: it was freed, or is no handle");
  return place;
}

std::shared_ptr<Model> Handles::find(const tenon_model* handle) {
  std::lock_guard lock(mutex_);
  return place_of(handle)->second;
}

std::shared_ptr<Model> Handles::take(const tenon_model* handle) {
  std::lock_guard lock(mutex_);
  const auto place = place_of(handle);
  std::shared_ptr<Model> model = std::move(place->second);
  models_.erase(place);
  return model;
}

}  // namespace tenon::c
