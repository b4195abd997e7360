// The functions of tenon/c.h: null pointers are refused, handles become models, and errors become texts.
#include "tenon/c.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>
#include <string>

#include "c/handles.h"
#include "tenon/base/error.h"

namespace tenon::c {
namespace {

thread_local std::string last_error;

// What `body` gives; where it throws, `failure`, and last_error says why.
template <class Result, class Body>
Result guarded(const char* function, Result failure, const Body& body) noexcept {
  try {
    const Result result = body();
    last_error.clear();
    return result;
  } catch (...) {
    try {
      throw;
    } catch (const std::bad_alloc&) {
      last_error = "out of memory";  // short enough to need none
    } catch (const std::exception& error) {
      try {
        last_error = concat(function, ": ", error.what());
      } catch (...) {
        last_error = "out of memory";
      }
    } catch (...) {
      last_error = "unknown error";
    }
  }
  return failure;
}

// Calls `body`, which gives nothing.
template <class Body>
int done(const char* function, const Body& body) noexcept {
  return guarded(function, 1, [&] {
    body();
    return 0;
  });
}

void require(const void* pointer, const char* name) { TENON_CHECK_VALUE(pointer, name, " is null"); }

// More than any version has.
constexpr size_t kGreatestOptions = 1024;

// What this version knows of the options of a caller, whose version may know less or more.
tenon_training known_training(const tenon_training* given) {
  tenon_training training = {};
  if (!given) return training;
  TENON_CHECK_VALUE(given->size >= offsetof(tenon_training, epochs) && given->size <= kGreatestOptions,
                    "the size of the options must be sizeof(tenon_training), got ", given->size);
  const size_t known = std::min(given->size, sizeof(training));
  const char* bytes = reinterpret_cast<const char*>(given);
  TENON_CHECK_VALUE(std::all_of(bytes + known, bytes + given->size, [](char byte) { return byte == 0; }),
                    "the options have fields that this version does not know");
  std::memcpy(&training, bytes, known);
  return training;
}

}  // namespace
}  // namespace tenon::c

using namespace tenon::c;

const char* tenon_version(void) { return TENON_VERSION; }
const char* tenon_last_error(void) { return last_error.c_str(); }

tenon_model* tenon_build_model(const char* layers, uint64_t seed) {
  return guarded<tenon_model*>(__func__, nullptr, [&] {
    require(layers, "layers");
    return Handles::instance().add(std::make_shared<Model>(layers, seed));
  });
}

tenon_model* tenon_train_model(const float* values, size_t length) {
  return guarded<tenon_model*>(__func__, nullptr, [&] {
    require(values, "values");
    return Handles::instance().add(Model::of_series(values, length));
  });
}

tenon_model* tenon_load_model(const char* path) {
  return guarded<tenon_model*>(__func__, nullptr, [&] {
    require(path, "path");
    return Handles::instance().add(Model::of_file(path));
  });
}

int tenon_save_model(const tenon_model* model, const char* path) {
  return done(__func__, [&] {
    require(path, "path");
    Handles::instance().find(model)->save(path);
  });
}

int tenon_free_model(tenon_model* model) {
  return done(__func__, [&] { Handles::instance().take(model); });
}

size_t tenon_input_size(const tenon_model* model) {
  return guarded<size_t>(__func__, 0, [&] { return Handles::instance().find(model)->input_size(); });
}

size_t tenon_output_size(const tenon_model* model) {
  return guarded<size_t>(__func__, 0, [&] { return Handles::instance().find(model)->output_size(); });
}

int tenon_run(const tenon_model* model, const float* inputs, size_t rows, float* outputs, size_t capacity) {
  return done(__func__, [&] {
    const auto found = Handles::instance().find(model);
    if (rows == 0) return;
    require(inputs, "inputs");
    require(outputs, "outputs");
    found->run(inputs, rows, outputs, capacity);
  });
}

float tenon_predict(const tenon_model* model, const float* values, size_t length) {
  return guarded<float>(__func__, NAN, [&] {
    const auto found = Handles::instance().find(model);
    require(values, "values");
    return found->predict(values, length);
  });
}

int tenon_fit(tenon_model* model, const float* inputs, size_t rows, const float* targets, const tenon_training* options,
              double* loss) {
  return done(__func__, [&] {
    const auto found = Handles::instance().find(model);
    require(inputs, "inputs");
    require(targets, "targets");
    const double reached = found->fit(inputs, rows, targets, known_training(options));
    if (loss) *loss = reached;
  });
}
