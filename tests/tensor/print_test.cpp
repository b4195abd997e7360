// Printing: every text is what PyTorch prints for the same tensor.
#include "tenon/tensor/print.h"

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>
#include <string>
#include <vector>

#include "tenon/autograd/node.h"
#include "tenon/base/error.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

struct PrintCase {
  const char* name;
  const char* dtype;
  std::vector<int64_t> sizes;
  std::vector<double> values;
  void (*set_options)();
  bool requires_grad;
  const char* text;
};

ScalarType dtype_named(std::string_view name) {
  for (int i = 0; i < kDtypeCount; ++i) {
    if (name == dtype_name(static_cast<ScalarType>(i))) return static_cast<ScalarType>(i);
  }
  ADD_FAILURE() << "no dtype " << name;
  return kFloat;
}

template <class T>
T element(const std::vector<double>& values, size_t i) {
  if constexpr (std::is_same_v<T, std::complex<float>> || std::is_same_v<T, std::complex<double>>) {
    using R = typename T::value_type;
    i = 2 * i % values.size();
    return T(static_cast<R>(values[i]), static_cast<R>(values[i + 1]));
  } else if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return T(static_cast<float>(values[i % values.size()]));
  } else {
    return static_cast<T>(values[i % values.size()]);
  }
}

Tensor build(const PrintCase& c) {
  Tensor tensor = empty(c.sizes, dtype_named(c.dtype));
  visit_dtype(tensor.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* data = tensor.data_ptr<T>();
    for (int64_t i = 0; i < tensor.numel(); ++i) data[i] = element<T>(c.values, static_cast<size_t>(i));
  });
  return tensor.requires_grad_(c.requires_grad);
}

class Print : public testing::Test {
 protected:
  void SetUp() override { set_printoptions({}, {}, {}, {}, "default"); }
  void TearDown() override { set_printoptions({}, {}, {}, {}, "default"); }
};

const std::vector<PrintCase>& print_cases() {
#define PRINT_LIST(...) {__VA_ARGS__}
#define PRINT_CASE(name, dtype, sizes, values, options, requires_grad, text) \
  {name, dtype, PRINT_LIST sizes, PRINT_LIST values, [] { set_printoptions options; }, requires_grad, text},
#define PRINT_GRAD_CASE(expression, text)
  static const std::vector<PrintCase> cases = {
#include "tensor/print_reference.inc"
  };
  return cases;
}

class PrintsAsPyTorch : public testing::TestWithParam<PrintCase> {
 protected:
  void TearDown() override { set_printoptions({}, {}, {}, {}, "default"); }
};

TEST_P(PrintsAsPyTorch, ToTheCharacter) {
  set_printoptions({}, {}, {}, {}, "default");
  GetParam().set_options();
  EXPECT_EQ(repr(build(GetParam())), GetParam().text);
}

std::string case_name(const testing::TestParamInfo<PrintCase>& info) {
  std::string name = info.param.name;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}
INSTANTIATE_TEST_SUITE_P(Print, PrintsAsPyTorch, testing::ValuesIn(print_cases()), case_name);

TEST_F(Print, ShowsTheNamesOfNodesAsPyTorchDoes) {
  Tensor x = empty({2, 2}, kFloat);
  const float values[] = {1, 2, 3, 4.5};
  std::copy(values, values + 4, x.data_ptr<float>());
  x.requires_grad_();
  const Tensor y = x;
#define PRINT_CASE(...)
#define PRINT_GRAD_CASE(expression, text) EXPECT_EQ(repr(expression), text) << #expression;
#include "tensor/print_reference.inc"
}

TEST_F(Print, NamesALeafsNodeAccumulateGrad) {
  Tensor x = empty({1}, kFloat).requires_grad_();
  EXPECT_EQ(node_display_name(*gradient_edge(x).node), "AccumulateGrad");
}

TEST_F(Print, ReadsStridedTensorsInTheirOwnOrder) {
  Tensor x = empty({2, 3}, kInt64);
  for (int64_t i = 0; i < 6; ++i) x.data_ptr<int64_t>()[i] = i;
  EXPECT_EQ(repr(x.as_strided({3, 2}, {1, 3})), "tensor([[0, 3],\n        [1, 4],\n        [2, 5]])");
  EXPECT_EQ(repr(x.as_strided({2, 2}, {0, 1}, 4)), "tensor([[4, 5],\n        [4, 5]])");
}

TEST_F(Print, SummarisesATensorOfHugeExtentFromItsEndsAlone) {
  Tensor x = empty({1}, kInt64);
  *x.data_ptr<int64_t>() = 7;
  EXPECT_EQ(repr(x.as_strided({int64_t{1} << 60}, {0})), "tensor([7, 7, 7,  ..., 7, 7, 7])");
}

TEST_F(Print, PutsTheNameOfASubclassInPlaceOfTensor) {
  Tensor x = empty({2, 1}, kInt64);
  x.data_ptr<int64_t>()[0] = 1;
  x.data_ptr<int64_t>()[1] = 2;
  EXPECT_EQ(repr(x, "Parameter"), "Parameter([[1],\n           [2]])");
}

TEST_F(Print, PrintsTensorsOfManyDimsWithoutRecursion) {
  const DimVector ones(20000, 1), strides(20000, 0);
  Tensor x = empty({1}, kInt64);
  *x.data_ptr<int64_t>() = 3;
  const std::string text = repr(x.as_strided(ones, strides));
  EXPECT_EQ(text, "tensor(" + std::string(20000, '[') + "3" + std::string(20000, ']') + ")");
}

TEST_F(Print, SaysThatATensorIsUndefined) {
  EXPECT_EQ((std::ostringstream() << Tensor()).str(), "[ Tensor (undefined) ]");
}

TEST_F(Print, RefusesOptionsOutOfRangeAndKeepsTheOldOnes) {
  EXPECT_THROW(set_printoptions(-1), ValueError);
  EXPECT_THROW(set_printoptions(2000), ValueError);
  EXPECT_THROW(set_printoptions({}, NAN), ValueError);
  EXPECT_THROW(set_printoptions({}, {}, -1), ValueError);
  EXPECT_THROW(set_printoptions({}, {}, {}, -1), ValueError);
  EXPECT_THROW(set_printoptions(2, {}, {}, {}, "long"), ValueError);
  EXPECT_EQ(get_printoptions().precision, 4);
  EXPECT_EQ(get_printoptions().edgeitems, 3);
}

TEST_F(Print, ForgetsSciModeWithEveryCallAsPyTorchDoes) {
  set_printoptions({}, {}, {}, {}, {}, true);
  EXPECT_EQ(get_printoptions().sci_mode, true);
  set_printoptions(3);
  EXPECT_EQ(get_printoptions().sci_mode, nullopt);
  EXPECT_EQ(get_printoptions().precision, 3);
}

}  // namespace
}  // namespace tenon
