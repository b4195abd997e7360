// A default generator for one thread. Depends on base alone.
#pragma once

#include "tenon/base/generator.h"

namespace tenon {

// While it lives, default_generator() is `generator` to this thread.
class GeneratorGuard {
 public:
  explicit GeneratorGuard(Generator& generator);
  ~GeneratorGuard();
  GeneratorGuard(const GeneratorGuard&) = delete;

 private:
  Generator* previous_;
};

}  // namespace tenon
