// The optimizers and schedules in C++: PyTorch's numbers, and those of Python's twins bit by bit.
#include "tenon/optim.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>

#include "tenon/autograd/autograd.h"
#include "tenon/ops/ops.h"

namespace tenon::optim {
namespace {

using Params = std::vector<Tensor>;

struct Case {
  std::string call;
  std::function<std::unique_ptr<Optimizer>(const Params&)> make;
  std::vector<double> pytorch;
  std::vector<float> python;
};

template <class T>
std::unique_ptr<Optimizer> owned(T&& optimizer) {
  return std::make_unique<T>(std::move(optimizer));
}

#define UNWRAPPED(...) __VA_ARGS__
const std::vector<Case>& reference() {
  static const std::vector<Case> cases = {
#define OPTIM_CASE(call, pytorch, python)                                                                \
  {#call, [](const Params& p) { return owned(UNWRAPPED call); }, std::vector<double>{UNWRAPPED pytorch}, \
   std::vector<float>{UNWRAPPED python}},
#include "optim/optim_reference.inc"
#undef OPTIM_CASE
  };
  return cases;
}

template <class T>
Tensor vector_of(const std::vector<T>& values) {
  const Tensor made = empty({static_cast<int64_t>(values.size())}, dtype_v<T>);
  std::copy(values.begin(), values.end(), made.data_ptr<T>());
  return made;
}

Params problem() {
  return {vector_of<float>({0.5f, -1.25f, 2.0f, -0.125f, 3.0f}).requires_grad_(),
          (arange(12, kFloat).reshape({3, 4}) / 8 - 0.7).requires_grad_()};
}

void set_grads(const Params& params, int step) {
  for (const Tensor& param : params) param.mutable_grad() = param.detach() * 0.5 + 0.25 * (step % 3);
}

std::vector<float> values(const Params& params) {
  std::vector<float> all;
  for (const Tensor& param : params) {
    const Tensor flat = param.detach().reshape({-1});
    for (int64_t i = 0; i < flat.numel(); ++i) all.push_back(flat[i].item<float>());
  }
  return all;
}

TEST(Optim, StepsGiveTheNumbersOfPyTorchAndTheBitsOfPython) {
  for (const Case& c : reference()) {
    const Params params = problem();
    const std::unique_ptr<Optimizer> optimizer = c.make(params);
    for (int i = 0; i < 25; ++i) {
      set_grads(params, i);
      optimizer->step();
    }
    const std::vector<float> end = values(params);
    const bool sums = c.call.find("Adafactor") != std::string::npos;
    ASSERT_EQ(end.size(), c.pytorch.size());
    for (size_t i = 0; i < end.size(); ++i) {
      EXPECT_NEAR(end[i], c.pytorch[i], 2e-5 * std::abs(c.pytorch[i]) + 2e-6) << c.call << " at " << i;
      // Adafactor sums squares, in an order that depends on the width of the vectors.
      const float room = sums ? 1e-5f * std::abs(c.python[i]) + 1e-6f : 0;
      EXPECT_NEAR(end[i], c.python[i], room) << c.call << " at " << i;
    }
  }
}

TEST(Optim, MuonMovesMatricesAndRefusesOthers) {
  const Tensor matrix = eye(4).requires_grad_();
  Muon optimizer(Params{matrix}, MuonOptions(0.1).weight_decay(0));
  matrix.mutable_grad() = eye(4) * 3;
  optimizer.step();
  // Newton-Schulz takes the singular values near one.
  EXPECT_NEAR(matrix[0][0].item<double>(), 1 - 0.1, 0.04);
  EXPECT_THROW(Muon(Params{ones({3}).requires_grad_()}), ValueError);
}

TEST(Optim, LbfgsFindsTheMinimum) {
  for (const bool search : {false, true}) {
    const Tensor x = vector_of<double>({-1.2, 1.0}).requires_grad_();
    LBFGSOptions options(search ? 1 : 0.5);
    if (search) options.line_search_fn("strong_wolfe");
    LBFGS optimizer(Params{x}, options.max_iter(40));
    auto closure = [&] {
      optimizer.zero_grad();
      const Tensor a = 1 - x[0], b = x[1] - x[0] * x[0];
      const Tensor loss = a * a + (search ? 100 : 1) * b * b;
      loss.backward();
      return loss;
    };
    for (int i = 0; i < 5; ++i) optimizer.step(closure);
    EXPECT_NEAR(x[0].item<double>(), 1, 1e-4) << search;
    EXPECT_NEAR(x[1].item<double>(), 1, 1e-4) << search;
  }
  LBFGS optimizer(Params{ones({2}).requires_grad_()});
  EXPECT_THROW(optimizer.step(nullptr), TensorError);
}

TEST(Optim, ClosuresAreRecordedAndReturnTheirLoss) {
  const Tensor x = ones({2}).requires_grad_();
  SGD optimizer(Params{x}, 0.5);
  NoGradGuard no_grad;
  const Tensor loss = optimizer.step([&] {
    optimizer.zero_grad();
    const Tensor value = (x * x).sum();
    value.backward();
    return value;
  });
  EXPECT_EQ(loss.item<double>(), 2);
  EXPECT_EQ(x.abs().max().item<double>(), 0);
}

TEST(Optim, GroupsInheritWhatTheyDoNotSay) {
  std::vector<OptimizerParamGroup> groups;
  groups.emplace_back(Params{ones({1}).requires_grad_()},
                      std::make_unique<AdamOptions>(AdamOptions().weight_decay(0.5)));
  groups.emplace_back(Params{ones({1}).requires_grad_()});
  Adam optimizer(groups, AdamOptions(0.25).eps(1e-4));
  const auto& first = static_cast<const AdamOptions&>(optimizer.param_groups()[0].options());
  EXPECT_EQ(first.lr(), 0.25);
  EXPECT_EQ(first.eps(), 1e-4);
  EXPECT_EQ(first.weight_decay(), 0.5);
  EXPECT_EQ(optimizer.param_groups()[1].options().get_lr(), 0.25);
  EXPECT_EQ(optimizer.size(), 2u);
  EXPECT_TRUE(AdamOptions(0.5) == AdamOptions(0.5));
  EXPECT_FALSE(AdamOptions(0.5) == AdamOptions(0.25));
}

TEST(Optim, WrongOptionsAndParametersAreRefused) {
  const Tensor x = ones({1}).requires_grad_();
  EXPECT_THROW(SGD(Params{x}, -1.0), ValueError);
  EXPECT_THROW(SGD(Params{x}, SGDOptions(0.1).nesterov(true)), ValueError);
  EXPECT_THROW(Adam(Params{x}, AdamOptions().betas({1.0, 0.9})), ValueError);
  EXPECT_THROW(Adam(Params{x * 2}), ValueError);
  EXPECT_THROW(RMSprop(Params{x}, RMSpropOptions().alpha(-1)), ValueError);
  SGD optimizer(Params{x}, 0.1);
  EXPECT_THROW(optimizer.add_param_group(OptimizerParamGroup(Params{x})), ValueError);
}

TEST(Optim, ZeroGradDropsOrClears) {
  const Tensor x = ones({2}).requires_grad_();
  SGD optimizer(Params{x}, 0.1);
  x.mutable_grad() = ones({2});
  optimizer.zero_grad(false);
  EXPECT_EQ(x.grad().sum().item<double>(), 0);
  optimizer.zero_grad();
  EXPECT_FALSE(x.grad().defined());
}

std::vector<double> lrs(Optimizer& optimizer, LRScheduler& scheduler, int steps) {
  std::vector<double> all = {optimizer.param_groups()[0].options().get_lr()};
  for (int i = 0; i < steps; ++i) {
    scheduler.step();
    all.push_back(optimizer.param_groups()[0].options().get_lr());
  }
  return all;
}

// Each schedule against the learning rates of torch.optim.lr_scheduler after 0, 1, 2, ... steps.
void expect_lrs(const std::function<std::unique_ptr<LRScheduler>(Optimizer&)>& make,
                const std::vector<double>& expected) {
  SGD optimizer(Params{ones({1}).requires_grad_()}, SGDOptions(1).momentum(0.9));
  const std::unique_ptr<LRScheduler> scheduler = make(optimizer);
  const std::vector<double> actual = lrs(optimizer, *scheduler, static_cast<int>(expected.size()) - 1);
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 1e-9) << i;
}

#define SCHEDULE_CASE(call, ...)                                                                                \
  TEST(Schedules, LearningRatesArePyTorchsOf##call) {                                                           \
    expect_lrs([](Optimizer& o) -> std::unique_ptr<LRScheduler> { return call##_schedule(o); }, {__VA_ARGS__}); \
  }
#define SCHEDULE(name, ...) \
  std::unique_ptr<LRScheduler> name##_schedule(Optimizer& o) { return std::make_unique<name>(o, __VA_ARGS__); }
SCHEDULE(LambdaLR, [](int64_t e) { return 1.0 / (1 + static_cast<double>(e)); })
SCHEDULE(MultiplicativeLR, [](int64_t) { return 0.5; })
SCHEDULE(MultiStepLR, std::vector<int64_t>{2, 3, 3}, 0.5)
SCHEDULE(ConstantLR, 0.25, 3)
SCHEDULE(LinearLR, 0.2, 0.9, 4)
SCHEDULE(ExponentialLR, 0.5)
SCHEDULE(PolynomialLR, 4, 2)
SCHEDULE(CosineAnnealingLR, 4, 0.1)
SCHEDULE(CosineAnnealingWarmRestarts, 2, 2, 0.1)
SCHEDULE(OneCycleLR, 0.5, 10)
SCHEDULE(CyclicLR, 0.1, 0.5, 2, 3, CyclicLR::triangular2)
#include "optim/schedule_reference.inc"

TEST(Schedules, StepLrFollowsLibtorch) {
  SGD optimizer(Params{ones({1}).requires_grad_()}, 1.0);
  StepLR scheduler(optimizer, 2, 0.5);
  EXPECT_EQ(lrs(optimizer, scheduler, 6), (std::vector<double>{1, 1, 1, 0.5, 0.5, 0.25, 0.25}));
}

TEST(Schedules, APlateauLowersTheLearningRate) {
  SGD optimizer(Params{ones({1}).requires_grad_()}, 1.0);
  ReduceLROnPlateauScheduler scheduler(optimizer, ReduceLROnPlateauScheduler::min, 0.5f, 1);
  for (const float metric : {3.0f, 2.0f, 2.0f, 2.0f, 1.0f}) scheduler.step(metric);
  EXPECT_EQ(optimizer.param_groups()[0].options().get_lr(), 0.5);
}

}  // namespace
}  // namespace tenon::optim
