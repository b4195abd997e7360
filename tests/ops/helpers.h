// Small tensors from lists and back, for the tests of ops.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tenon/autograd/autograd.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon::testing {

template <class T>
Tensor tensor_of(const std::vector<T>& data, ScalarType dtype, std::vector<int64_t> sizes = {}) {
  if (sizes.empty()) sizes = {static_cast<int64_t>(data.size())};
  Tensor tensor = empty(sizes, dtype_v<T>);
  std::copy(data.begin(), data.end(), tensor.data_ptr<T>());
  return tensor.to(dtype);
}

inline Tensor floats(const std::vector<float>& data, std::vector<int64_t> sizes = {}) {
  return tensor_of(data, kFloat, sizes);
}
inline Tensor longs(const std::vector<int64_t>& data, std::vector<int64_t> sizes = {}) {
  return tensor_of(data, kLong, sizes);
}
inline Tensor bools(const std::vector<int64_t>& data) { return tensor_of(data, kBool); }

// 0, 1, 2 ... as floats of the given shape.
inline Tensor ramp(std::vector<int64_t> sizes) {
  std::vector<float> data(static_cast<size_t>(checked_numel(sizes, "ramp")));
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<float>(i);
  return floats(data, sizes);
}

template <class T = float>
std::vector<T> list(const Tensor& tensor) {
  EXPECT_TRUE(tensor.defined());
  if (!tensor.defined()) return {};
  NoGradGuard no_grad;
  const Tensor dense = tensor.detach().contiguous();
  const T* data = dense.data_ptr<T>();
  return {data, data + dense.numel()};
}

using List = std::vector<float>;
using Longs = std::vector<int64_t>;

// The message of the E that `call` throws; a failure when it throws something else or nothing.
template <class E, class Call>
std::string message_of(Call&& call) {
  try {
    call();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another error was thrown: " << error.what();
    return "";
  }
  ADD_FAILURE() << "no error was thrown";
  return "";
}

inline bool has_part(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

#define EXPECT_THROWS(Error, expression, part) \
  EXPECT_PRED2(::tenon::testing::has_part, ::tenon::testing::message_of<Error>([&] { expression; }), part)

}  // namespace tenon::testing
