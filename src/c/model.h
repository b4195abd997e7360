// The models behind the handles of C. Pointers that come in are not null; sizes are checked here.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "c/layers.h"
#include "tenon/c.h"

namespace tenon::c {

class Model {
 public:
  // Draws its initial weights from `seed`.
  Model(std::string layers, uint64_t seed, int64_t most_elements = std::numeric_limits<int64_t>::max());
  static std::shared_ptr<Model> of_series(const float* values, size_t length);
  static std::shared_ptr<Model> of_file(const std::string& path);

  void save(const std::string& path) const;
  size_t input_size() const { return static_cast<size_t>(network_.input_size); }
  size_t output_size() const { return static_cast<size_t>(network_.output_size); }
  void run(const float* inputs, size_t rows, float* outputs, size_t capacity) const;
  float predict(const float* values, size_t length) const;
  // Gives the mean loss of the last epoch.
  double fit(const float* inputs, size_t rows, const float* targets, const tenon_training& training);

 private:
  Tensor outputs_of(const Tensor& inputs) const;

  // Taken again by the calls that the report of an epoch makes.
  mutable std::recursive_mutex mutex_;
  std::string layers_;
  Network network_;
  bool is_training_ = false;
};

}  // namespace tenon::c
