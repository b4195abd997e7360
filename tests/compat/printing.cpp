// How tensors print: columns of numbers, wide and narrow ones, and what stands below them.
#include <torch/torch.h>

#include <iomanip>
#include <iostream>
#include <limits>

int main() {
  torch::manual_seed(5);
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  for (const double number : {3.5, 7.0, 1e-10, 1234567.0, 1e15, 1e16, 0.0001, 0.00001, 0.0, -2.0, nan, -inf}) {
    std::cout << torch::tensor(number, torch::kDouble) << '\n';
  }
  std::cout << torch::tensor(0.1f) << '\n' << torch::tensor(7) << '\n' << torch::tensor(true) << '\n';
  std::cout << torch::arange(4) << '\n' << torch::tensor({true, false}) << '\n' << torch::Tensor() << '\n';
  std::cout << torch::empty({0}) << '\n' << torch::empty({0, 3}, torch::kDouble) << '\n' << torch::empty({2, 0, 3});
  std::cout << '\n' << torch::rand({2, 3}) << '\n' << torch::randn({3}) << '\n';
  std::cout << torch::tensor({0.001, 0.002}) << '\n' << torch::tensor({0.01, 0.02}) << '\n';
  std::cout << torch::tensor({0.1, 0.25}) << '\n' << torch::tensor({1e-3, 1e3}) << '\n';
  std::cout << torch::tensor({123456.5, 234567.25}) << '\n' << torch::tensor({12345.5, 0.0}) << '\n';
  std::cout << torch::tensor({{123456.5, 234567.25}, {1e5, 3e5}}) << '\n';
  std::cout << torch::tensor({1e-110, 1.5}, torch::kDouble) << '\n' << torch::tensor({1e9, 2e9, 1e10}) << '\n';
  std::cout << torch::tensor({inf, -inf, nan, 1.0}) << '\n' << torch::tensor({inf, nan, 1.5}) << '\n';
  std::cout << torch::tensor({nan, nan}) << '\n' << torch::tensor({1234567890, 5}) << '\n' << torch::tensor({-5, 10});
  std::cout << '\n' << torch::arange(40, torch::kFloat).view({2, 20}) / 3 << '\n';
  std::cout << (torch::arange(40, torch::kFloat).view({2, 20}) + 0.5) * 100000 << '\n';
  std::cout << torch::arange(100).view({2, 50}) << '\n' << torch::arange(24).view({2, 3, 4}) << '\n';
  std::cout << torch::rand({2, 2, 2, 2}) << '\n' << torch::rand({2, 2, 2}) * 1e7 << '\n';
  std::cout << torch::arange(120, torch::kFloat).view({2, 2, 30}) + 0.25 << '\n';
  std::cout << torch::rand({2, 2}, torch::requires_grad()) << '\n' << torch::rand({2, 3}).t() << '\n';
  for (const auto dtype : {torch::kByte, torch::kChar, torch::kShort, torch::kInt, torch::kBool, torch::kHalf}) {
    std::cout << torch::ones(2, dtype) << '\n';
  }
  std::cout << std::setprecision(2) << torch::tensor(1.0 / 3) << ' ' << 1.0 / 3 << '\n';
  std::cout << torch::tensor({{1234, 2}}) << ' ' << 1234.5 << '\n' << std::fixed << torch::tensor({100, 2}) << ' ';
  std::cout << 1.0 / 3 << ' ' << torch::ones(2).toString() << ' ' << torch::Device("cuda:1") << '\n';
}
