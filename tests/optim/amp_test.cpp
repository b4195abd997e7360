// Autocast and GradScaler beyond what the scenes of tests/twins compare with Python.
#include <gtest/gtest.h>

#include <thread>

#include "tenon/tenon.h"

namespace tenon {
namespace {

TEST(Autocast, IsOfOneThreadAndEndsWithItsRegion) {
  const Tensor a = ones({2, 2});
  {
    amp::autocast region(kCPU);
    EXPECT_EQ(a.mm(a).dtype(), kBFloat16);
    ScalarType elsewhere = kBool;
    std::thread([&] { elsewhere = a.mm(a).dtype(); }).join();
    EXPECT_EQ(elsewhere, kFloat);
    autocast::Pause pause;
    EXPECT_EQ(a.mm(a).dtype(), kFloat);
  }
  EXPECT_FALSE(autocast::is_autocast_enabled(kCPU));
  EXPECT_EQ(a.mm(a).dtype(), kFloat);
  EXPECT_THROW(amp::autocast(kCPU, kDouble), ValueError);
}

TEST(Autocast, ConvertsAWeightOnceAndAgainWhenItChanged) {
  const Tensor weight = ones({2, 2}).requires_grad_(), x = ones({1, 2});
  amp::autocast region(kCPU);
  const Tensor first = x.mm(weight);
  {
    NoGradGuard no_grad;
    weight.mul_(3);
  }
  EXPECT_TRUE(x.mm(weight).to(kFloat).equal(full({1, 2}, 6.0)));
  first.to(kFloat).sum().backward();
  EXPECT_EQ(weight.grad().dtype(), kFloat);
}

TEST(GradScaler, RefusesCallsOutOfOrder) {
  const Tensor param = ones({2}).requires_grad_();
  optim::SGD optimizer(std::vector<Tensor>{param}, 0.1);
  amp::GradScaler scaler(kCPU);
  EXPECT_THROW(scaler.step(optimizer), TensorError);
  scaler.scale(param.sum()).backward();
  scaler.unscale_(optimizer);
  EXPECT_THROW(scaler.unscale_(optimizer), TensorError);
  EXPECT_TRUE(scaler.step(optimizer));
  EXPECT_THROW(scaler.step(optimizer), TensorError);
  scaler.update(8);
  EXPECT_EQ(scaler.get_scale(), 8);
  EXPECT_THROW(scaler.update(), TensorError);
  EXPECT_THROW(amp::GradScaler(kCPU, amp::GradScalerOptions().growth_factor(1)), ValueError);
}

TEST(GradScaler, SwitchedOffStepsAsTheOptimizerDoes) {
  const Tensor param = ones({2}).requires_grad_();
  optim::SGD optimizer(std::vector<Tensor>{param}, 0.5);
  amp::GradScaler scaler(kCPU, amp::GradScalerOptions().enabled(false));
  scaler.scale(param.sum()).backward();
  EXPECT_TRUE(scaler.step(optimizer));
  scaler.update();
  EXPECT_TRUE(param.equal(full({2}, 0.5)));
  EXPECT_EQ(scaler.get_scale(), 1);
}

}  // namespace
}  // namespace tenon
