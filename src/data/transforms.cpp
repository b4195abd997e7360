// What the transforms of tensors compute.
#include "tenon/data/transforms.h"

#include "tenon/ops/ops.h"

namespace tenon::data::transforms::detail {

Tensor per_channel(ArrayRef<double> values) {
  const Tensor tensor = empty({static_cast<int64_t>(values.size()), 1, 1}, kFloat);
  std::copy(values.begin(), values.end(), tensor.data_ptr<float>());
  return tensor;
}

Tensor stacked(const std::vector<Tensor>& tensors) { return stack(tensors); }

}  // namespace tenon::data::transforms::detail
