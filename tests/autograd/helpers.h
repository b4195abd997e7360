// Small tensors from lists and back, for the tests of autograd.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "tenon/autograd/autograd.h"
#include "tenon/autograd/function.h"
#include "tenon/ops/ops.h"

namespace tenon::testing {

// A float tensor of the given values; one dimension unless sizes are given.
inline Tensor values(const std::vector<float>& data, std::vector<int64_t> sizes = {}) {
  if (sizes.empty()) sizes = {static_cast<int64_t>(data.size())};
  Tensor tensor = tenon::empty(sizes);
  std::copy(data.begin(), data.end(), tensor.data_ptr<float>());
  return tensor;
}

// The same as a leaf that requires grad.
inline Tensor leaf(const std::vector<float>& data, std::vector<int64_t> sizes = {}) {
  return values(data, std::move(sizes)).requires_grad_();
}

inline std::vector<float> list(const Tensor& tensor) {
  EXPECT_TRUE(tensor.defined());
  if (!tensor.defined()) return {};
  NoGradGuard no_grad;
  Tensor dense = tensor.detach().contiguous();
  const float* data = dense.data_ptr<float>();
  return {data, data + dense.numel()};
}

using List = std::vector<float>;

// The message of the Error that `call` throws.
template <class Call>
std::string message_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "no error was thrown";
  return "";
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

#define EXPECT_ERROR(expression, part) \
  EXPECT_PRED2(::tenon::testing::contains, ::tenon::testing::message_of([&] { expression; }), part)

}  // namespace tenon::testing
