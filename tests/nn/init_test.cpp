// nn::init against PyTorch's values for the same seed.
#include "tenon/nn/init.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tenon/base/generator.h"

namespace tenon {
namespace {

namespace init = nn::init;

struct Case {
  std::string call;
  std::function<void(const Tensor&)> fill;
  std::vector<int64_t> sizes;
  int64_t next_draw;
  double sum;
  std::vector<double> values;
};

#define UNWRAPPED(...) __VA_ARGS__
const std::vector<Case>& reference() {
  static const std::vector<Case> cases = {
#define INIT_CASE(call, sizes, next_draw, sum, ...) \
  {#call, [](const Tensor& t) { call; }, std::vector<int64_t> UNWRAPPED sizes, next_draw, sum, {__VA_ARGS__}},
#include "nn/init_reference.inc"
#undef INIT_CASE
  };
  return cases;
}

TEST(Init, ValuesAreThoseOfPyTorch) {
  for (const Case& c : reference()) {
    const Tensor tensor = tenon::empty(c.sizes).requires_grad_();
    manual_seed(7);
    c.fill(tensor);
    EXPECT_TRUE(tensor.is_leaf() && tensor.requires_grad()) << c.call;
    EXPECT_EQ(randint(int64_t{1} << 27, {}).item<int64_t>(), c.next_draw) << c.call;
    const Tensor flat = tensor.detach().to(kDouble).flatten();
    EXPECT_NEAR(flat.sum().item<double>(), c.sum, 1e-5) << c.call;
    const auto probes = static_cast<int64_t>(c.values.size());
    for (int64_t k = 0; k < probes; ++k) {
      EXPECT_NEAR(flat[k * (flat.numel() - 1) / (probes - 1)].item<double>(), c.values[static_cast<size_t>(k)], 1e-6)
          << c.call;
    }
  }
}

TEST(Init, AGivenGeneratorIsTheOneThatDraws) {
  const Tensor expected = init::xavier_normal_(empty({3, 4}), 1, Generator(5));
  manual_seed(9);
  const Tensor actual = init::xavier_normal_(empty({3, 4}), 1, Generator(5));
  EXPECT_TRUE(actual.equal(expected));
  EXPECT_EQ(default_generator().initial_seed(), 9u);
  EXPECT_FALSE(init::xavier_normal_(empty({3, 4})).equal(expected));
}

TEST(Init, CallsThatCannotBeRaise) {
  EXPECT_THROW(init::eye_(empty({3})), ValueError);
  EXPECT_THROW(init::dirac_(empty({3, 3})), ValueError);
  EXPECT_THROW(init::dirac_(empty({3, 3, 3}), 2), ValueError);
  EXPECT_THROW(init::dirac_(empty({3, 3, 3}), 0), ValueError);
  EXPECT_THROW(init::xavier_uniform_(empty({3})), ValueError);
  EXPECT_THROW(init::kaiming_normal_(empty({3, 3}), 0, "fan"), ValueError);
  EXPECT_THROW(init::kaiming_normal_(empty({3, 3}), 0, kFanIn, "gelu"), ValueError);
  EXPECT_THROW(init::sparse_(empty({3, 3, 3}), 0.5), ValueError);
  EXPECT_THROW(init::sparse_(empty({3, 3}), -1), ValueError);
  EXPECT_THROW(init::trunc_normal_(empty({3}), 0, 0), ValueError);
  EXPECT_THROW(init::uniform_(empty({3}), 2, 1), Error);
}

}  // namespace
}  // namespace tenon
