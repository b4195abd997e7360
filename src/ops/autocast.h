// How ops convert their arguments within a region of autocast. Outside of all regions a call pays one relaxed load.
#pragma once

#include <atomic>
#include <string_view>
#include <vector>

#include "tenon/ops/autocast.h"
#include "tenon/tensor/tensor.h"

namespace tenon {

// How many devices all threads together have switched on.
TENON_API extern std::atomic<int> autocast_regions;
inline bool any_autocast() { return autocast_regions.load(std::memory_order_relaxed) != 0; }

// One call of an op: see() its arguments, then ask whether it converts them. While it converts, the ops below do not.
class AutocastCall {
 public:
  explicit AutocastCall(std::string_view op) : op_(op) {}
  ~AutocastCall();
  AutocastCall(const AutocastCall&) = delete;

  void see(const Tensor& tensor);
  void see(const optional<Tensor>& tensor) {
    if (tensor) see(*tensor);
  }
  void see(TensorList tensors) {
    for (const Tensor& tensor : tensors) see(tensor);
  }
  template <class T>
  void see(const T&) {}

  bool converts();

  Tensor operator()(const Tensor& tensor) const;
  optional<Tensor> operator()(const optional<Tensor>& tensor) const {
    return tensor ? optional<Tensor>((*this)(*tensor)) : nullopt;
  }
  std::vector<Tensor> operator()(TensorList tensors) const;
  template <class T>
  const T& operator()(const T& value) const {
    return value;
  }

 private:
  std::string_view op_;
  // Of the first tensor, and the widest dtype of all for ops that promote.
  int device_ = -1;
  ScalarType widest_ = kBool;
  ScalarType dtype_ = kFloat;
  bool paused_ = false;
};

}  // namespace tenon

// At the beginning of an op: calls it again with its arguments converted, if it is one that the region converts.
#define TENON_AUTOCAST_AS(name, op, ...)                                                             \
  if (any_autocast()) [[unlikely]] {                                                                 \
    AutocastCall cast(name);                                                                         \
    [&](const auto&... each) { (cast.see(each), ...); }(__VA_ARGS__);                                \
    if (cast.converts()) return [&](const auto&... each) { return op(cast(each)...); }(__VA_ARGS__); \
  }
#define TENON_AUTOCAST(op, ...) TENON_AUTOCAST_AS(#op, op, __VA_ARGS__)
