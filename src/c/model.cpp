// Building, running, saving and loading; training is in training.cpp. See model.h.
#include "c/model.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/generator_guard.h"
#include "c/rows.h"
#include "tenon/base/grad_mode.h"
#include "tenon/io/safetensors.h"
#include "tenon/nn/linear.h"
#include "tenon/nn/state_dict.h"
#include "tenon/ops/autocast.h"
#include "tenon/ops/ops.h"

namespace tenon::c {
namespace {

constexpr const char* kLayersKey = "tenon.layers";

Network seeded_network(const std::string& layers, uint64_t seed, int64_t most_elements) {
  Generator generator(seed);
  GeneratorGuard guard(generator);
  InferenceMode ordinary(false);
  Network network = build_network(layers, most_elements);
  // Whatever the defaults of the process are.
  network.layers->to(kCPU, kFloat);
  network.layers->eval();
  return network;
}

}  // namespace

Tensor rows_of(const float* numbers, size_t rows, size_t size) {
  size_t count = 0;
  TENON_CHECK_VALUE(!__builtin_mul_overflow(rows, size, &count) && count <= PTRDIFF_MAX / sizeof(float), rows,
                    " rows of ", size, " numbers are more than memory holds");
  return from_blob(const_cast<float*>(numbers), {static_cast<int64_t>(rows), static_cast<int64_t>(size)},
                   TensorOptions(kFloat).device(kCPU));
}

Model::Model(std::string layers, uint64_t seed, int64_t most_elements)
    : layers_(std::move(layers)), network_(seeded_network(layers_, seed, most_elements)) {}

// The line through what followed each few values: how many, the least squares decide among as many as the series bears.
std::shared_ptr<Model> Model::of_series(const float* values, size_t length) {
  TENON_CHECK_VALUE(length >= 3, "a series must have at least 3 values, got ", length);
  constexpr size_t kMostLags = 8;
  const auto lags = static_cast<int64_t>(std::min((length - 1) / 2, kMostLags));
  NoGradGuard no_grad;
  const Tensor series = rows_of(values, 1, length).squeeze(0).to(kDouble);
  TENON_CHECK_VALUE(series.isfinite().all().item<bool>(), "a series must be finite");
  const Tensor windows = series.unfold(0, lags + 1, 1);
  const Tensor means = windows.mean({0});
  const Tensor centred = windows - means;
  const Tensor before = centred.narrow(1, 0, lags), next = centred.narrow(1, lags, 1);
  // What floats cannot tell apart is noise.
  const double noise = std::numeric_limits<float>::epsilon() * series.abs().max().item<double>() *
                       std::sqrt(static_cast<double>(before.numel()));
  const Tensor weight = linalg_pinv(before, noise).matmul(next).reshape({1, lags});
  const Tensor bias = means.narrow(0, lags, 1) - weight.matmul(means.narrow(0, 0, lags));

  auto model = std::make_shared<Model>(concat("Linear(", lags, ", 1)"), 0);
  auto& line = model->network_.layers->at<nn::LinearImpl>(0);
  line.weight.copy_(weight);
  line.bias.copy_(bias);
  return model;
}

std::shared_ptr<Model> Model::of_file(const std::string& path) {
  const io::SafetensorsFile file(path);
  const auto layers = file.metadata().find(kLayersKey);
  TENON_CHECK_FILE(layers != file.metadata().end(), "'", path,
                   "' holds no model of tenon_save_model: its metadata has "
                   "no '",
                   kLayersKey, "'");
  nn::StateDict tensors;
  int64_t elements = 0;
  for (const std::string& key : file.keys()) {
    tensors.insert(key, file.tensor(key));
    elements += tensors[key].numel();
  }
  auto model = std::make_shared<Model>(layers->second, 0, elements);
  for (const auto& own : nn::state_dict(*model->network_.layers)) {
    const Tensor* found = tensors.find(own.key());
    TENON_CHECK_FILE(!found || found->dtype() == own.value().dtype(), "'", path, "': ", own.key(), " must be ",
                     own.value().dtype(), ", got ", found->dtype());
  }
  nn::load_state_dict(*model->network_.layers, tensors);
  return model;
}

void Model::save(const std::string& path) const {
  std::lock_guard lock(mutex_);
  io::TensorDict tensors;
  for (const auto& item : nn::state_dict(*network_.layers)) tensors.emplace(item.key(), item.value());
  io::save_safetensors(path, tensors, {{"format", "pt"}, {kLayersKey, layers_}});
}

Tensor Model::outputs_of(const Tensor& inputs) const {
  return network_.layers.ptr()->forward(inputs).reshape({inputs.size(0), network_.output_size});
}

void Model::run(const float* inputs, size_t rows, float* outputs, size_t capacity) const {
  TENON_CHECK_VALUE(rows <= capacity / output_size(), "outputs must have room for ", rows, " rows of ", output_size(),
                    " numbers, but has room for ", capacity);
  std::lock_guard lock(mutex_);
  InferenceMode ordinary(false);
  NoGradGuard no_grad;
  const autocast::Pause pause;
  const Tensor result = outputs_of(rows_of(inputs, rows, input_size())).contiguous();
  std::memmove(outputs, result.data_ptr(), result.nbytes());
}

float Model::predict(const float* values, size_t length) const {
  TENON_CHECK_VALUE(output_size() == 1, "a model must have one output, not ", output_size(), "; see tenon_run");
  TENON_CHECK_VALUE(length >= input_size(), "values must be at least ", input_size(), ", got ", length);
  float prediction = NAN;
  run(values + (length - input_size()), 1, &prediction, 1);
  return prediction;
}

}  // namespace tenon::c
