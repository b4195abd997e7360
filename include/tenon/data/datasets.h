// Datasets that are there: the slices of a tensor, and images of digits in files.
#pragma once

#include <string>
#include <vector>

#include "tenon/data/dataset.h"

namespace tenon::data::datasets {

// The slices of a tensor along its first dim.
struct TENON_API TensorDataset : public Dataset<TensorDataset, TensorExample> {
  explicit TensorDataset(const std::vector<Tensor>& tensors);
  explicit TensorDataset(Tensor tensor) : tensor(std::move(tensor)) {}

  TensorExample get(size_t index) override;
  std::optional<size_t> size() const override;

  Tensor tensor;
};

// MNIST's images as floats from 0 to 1, of size [1, rows, columns], and the digits that they show. The folder holds the
// files train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte.
class TENON_API MNIST : public Dataset<MNIST> {
 public:
  enum class Mode { kTrain, kTest };

  explicit MNIST(const std::string& root, Mode mode = Mode::kTrain);

  Example<> get(size_t index) override;
  std::optional<size_t> size() const override;
  bool is_train() const noexcept { return mode_ == Mode::kTrain; }
  // All of them, [count, 1, rows, columns], and all the digits.
  const Tensor& images() const { return images_; }
  const Tensor& targets() const { return targets_; }

 private:
  Mode mode_;
  Tensor images_, targets_;
};

}  // namespace tenon::data::datasets
