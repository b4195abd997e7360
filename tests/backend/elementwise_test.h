// Running elementwise kernels over vectors, on each instruction set of the machine.
#pragma once

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "backend/cpu/isa.h"
#include "backend/cpu/kernels.h"

namespace tenon {

using Kernel = ElementwiseKernel;

inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kInf = std::numeric_limits<double>::infinity();

template <class T>
TensorView view_of(std::vector<T>& values, IntArrayRef sizes, IntArrayRef strides) {
  return {values.data(), dtype_v<T>, sizes, strides};
}

// Runs over contiguous vectors.
template <class Out, class In>
std::vector<Out> run(Kernel kernel, std::vector<std::vector<In>> inputs, std::vector<double> params = {}) {
  const std::vector<int64_t> sizes{static_cast<int64_t>(inputs[0].size())}, strides{1};
  std::vector<Out> out(inputs[0].size());
  std::vector<Operand> operands;
  for (auto& input : inputs) operands.emplace_back(view_of(input, sizes, strides));
  cpu::elementwise_table().run(kernel, dtype_v<In>, view_of(out, sizes, strides), operands.data(),
                               static_cast<int>(operands.size()), params.data());
  return out;
}

template <class T>
std::vector<T> one(Kernel kernel, std::vector<T> x, std::vector<double> params = {}) {
  return run<T, T>(kernel, {std::move(x)}, std::move(params));
}

// Every instruction set of the machine, restored at the end.
class EachIsa : public ::testing::TestWithParam<cpu::Isa> {
 protected:
  void SetUp() override {
    if (GetParam() > cpu::best_isa()) GTEST_SKIP() << "the machine lacks " << cpu::isa_name(GetParam());
    cpu::set_isa(GetParam());
  }
  void TearDown() override { cpu::set_isa(before_); }

 private:
  cpu::Isa before_ = cpu::isa();
};

inline const auto kEveryIsa = ::testing::Values(cpu::Isa::Baseline, cpu::Isa::Avx2, cpu::Isa::Avx512);
inline std::string isa_test_name(const ::testing::TestParamInfo<cpu::Isa>& info) { return cpu::isa_name(info.param); }

}  // namespace tenon
