// Fits a polynomial by gradient descent, by L-BFGS, and by hand.
#include <torch/torch.h>

#include <cstdio>

namespace F = torch::nn::functional;

torch::Tensor features(const torch::Tensor& x) {
  std::vector<torch::Tensor> powers;
  for (int64_t i = 1; i <= 4; ++i) powers.push_back(x.pow(i));
  return torch::cat(powers, 1);
}

void descend() {
  const auto weight = torch::randn({4, 1}) * 2;
  const auto bias = torch::randn(1);
  torch::nn::Linear model(4, 1);
  torch::optim::SGD optimizer(model->parameters(), 0.05);
  for (int step = 0; step < 60; ++step) {
    const auto x = features(torch::randn(32).unsqueeze(1) * 0.5);
    const auto y = x.mm(weight) + bias.item<double>();
    optimizer.zero_grad();
    auto loss = F::smooth_l1_loss(model(x), y);
    loss.backward();
    optimizer.step();
    if (step % 10 == 9) std::printf("step %d loss %.6f\n", step + 1, loss.item<float>());
  }
  for (const auto& parameter : model->named_parameters()) {
    std::printf("%s of norm %.6f\n", parameter.key().c_str(), parameter.value().norm().item<double>());
  }
}

void line_search() {
  const auto a = torch::tensor({1.5, -0.5, 2.0}, torch::kDouble);
  auto x = torch::zeros(3, torch::dtype(torch::kDouble).requires_grad(true));
  torch::optim::LBFGS optimizer({x}, torch::optim::LBFGSOptions(0.8).max_iter(8).line_search_fn("strong_wolfe"));
  for (int step = 0; step < 3; ++step) {
    const auto loss = optimizer.step([&] {
      optimizer.zero_grad();
      auto value = ((x - a).pow(2) * torch::arange(1, 4, torch::kDouble)).sum() + (x.prod() - 1).pow(2);
      value.backward();
      return value;
    });
    std::printf("L-BFGS %d loss %.6f\n", step, loss.item<double>());
  }
  std::printf("at %.6f %.6f %.6f\n", x[0].item<double>(), x[1].item<double>(), x[2].item<double>());
}

void by_hand() {
  const auto x = torch::linspace(-1, 1, 50).view({-1, 1});
  const auto y = torch::sin(3 * x);
  auto w1 = torch::randn({1, 16}, torch::requires_grad());
  auto b1 = torch::zeros({16}, torch::TensorOptions().dtype(torch::kFloat32).device(torch::kCPU).requires_grad(true));
  auto w2 = torch::randn({16, 1}).mul_(0.3).set_requires_grad(true);
  for (int step = 0; step < 100; ++step) {
    auto loss = torch::mse_loss(torch::tanh(x.mm(w1) + b1).mm(w2), y);
    loss.backward();
    torch::NoGradGuard no_grad;
    for (auto& parameter : {w1, b1, w2}) {
      parameter.data().sub_(0.05 * parameter.grad());
      parameter.grad().zero_();
    }
    if (step % 20 == 19) std::printf("by hand %d loss %.6f\n", step + 1, loss.item<float>());
  }
}

int main() {
  torch::manual_seed(1);
  descend();
  line_search();
  by_hand();
}
