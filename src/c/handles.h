// Handles of models: numbers that are never used twice, and that nobody dereferences.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "c/model.h"

namespace tenon::c {

class Handles {
 public:
  static Handles& instance();

  tenon_model* add(std::shared_ptr<Model> model);
  // Of a handle that is none, ValueError.
  std::shared_ptr<Model> find(const tenon_model* handle);
  std::shared_ptr<Model> take(const tenon_model* handle);

 private:
  using Models = std::unordered_map<uintptr_t, std::shared_ptr<Model>>;
  Handles();
  Models::iterator place_of(const tenon_model* handle);

  std::mutex mutex_;
  uintptr_t next_;
  Models models_;
};

}  // namespace tenon::c
