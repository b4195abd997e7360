// Gradients: functions of the program's own, gradients of gradients, hooks, and what is recorded.
#include <torch/torch.h>

#include <cstdio>
#include <iostream>

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;
using torch::autograd::Variable;

class LinearFunction : public torch::autograd::Function<LinearFunction> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, torch::Tensor input, torch::Tensor weight,
                               torch::Tensor bias = torch::Tensor()) {
    ctx->save_for_backward({input, weight, bias});
    auto output = input.mm(weight.t());
    if (bias.defined()) output += bias.unsqueeze(0).expand_as(output);
    return output;
  }

  static tensor_list backward(AutogradContext* ctx, tensor_list grad_outputs) {
    const auto saved = ctx->get_saved_variables();
    const auto grad = grad_outputs[0];
    torch::Tensor grad_bias;
    if (saved[2].defined()) grad_bias = grad.sum(0);
    return {grad.mm(saved[1]), grad.t().mm(saved[0]), grad_bias};
  }
};

struct ScaledPower : torch::autograd::Function<ScaledPower> {
  static tensor_list forward(AutogradContext* ctx, Variable x, double scale, int64_t exponent) {
    ctx->saved_data["scale"] = scale;
    ctx->saved_data["exponent"] = exponent;
    ctx->save_for_backward({x});
    return {scale * x.pow(exponent), x.sum()};
  }

  static tensor_list backward(AutogradContext* ctx, tensor_list grads) {
    const double scale = ctx->saved_data["scale"].toDouble();
    const int64_t exponent = ctx->saved_data["exponent"].toInt();
    const auto x = ctx->get_saved_variables()[0];
    return {grads[0] * scale * exponent * x.pow(exponent - 1) + grads[1], Variable(), Variable()};
  }
};

void print(const char* name, const torch::Tensor& values) {
  std::printf("%s", name);
  const auto flat = values.detach().to(torch::kDouble).contiguous().view(-1);
  for (int64_t i = 0; i < flat.numel(); ++i) std::printf(" %.6f", flat[i].item<double>());
  std::printf("\n");
}

int main() {
  torch::manual_seed(2);
  auto x = torch::randn({2, 3}).requires_grad_();
  auto weight = torch::randn({4, 3}, torch::requires_grad());
  auto bias = torch::randn({4}, torch::requires_grad());
  LinearFunction::apply(x, weight, bias).tanh().sum().backward();
  print("x", x.grad());
  print("weight", weight.grad());
  print("bias", bias.grad());
  LinearFunction::apply(x, weight).sum().backward();
  print("both", x.grad());

  auto y = torch::tensor({0.5, -1.5, 2.0}, torch::requires_grad());
  const auto powers = ScaledPower::apply(y, 1.5, 3);
  const auto first = torch::autograd::grad({powers[0].sum() + 2 * powers[1]}, {y}, /*grad_outputs=*/{},
                                           /*retain_graph=*/true, /*create_graph=*/true)[0];
  print("first", first);
  print("second", torch::autograd::grad({first.pow(2).sum()}, {y})[0]);

  auto model = torch::nn::Linear(4, 3);
  auto input = torch::randn({3, 4}).requires_grad_(true);
  auto output = model(input);
  auto loss = torch::nn::MSELoss()(output, torch::randn({3, 3}));
  auto gradient = torch::autograd::grad({output}, {input}, {torch::ones_like(output)}, /*retain_graph=*/true, true)[0];
  (loss + torch::pow(gradient.norm(2, /*dim=*/1) - 1, 2).mean()).backward();
  print("penalty", input.grad());

  auto z = torch::ones({3}, torch::requires_grad());
  auto hooked = z * 2;
  hooked.register_hook([](torch::Tensor grad) { return grad * 10; });
  hooked.sum().backward();
  print("hooked", z.grad());
  hooked = z * 2;
  hooked.retain_grad();
  torch::autograd::backward({hooked}, {torch::tensor({1.f, 2.f, 3.f})});
  print("retained", hooked.grad());
  std::cout << std::boolalpha << (z * 2).requires_grad() << ' ' << z.is_leaf() << ' ' << (hooked.grad_fn() != nullptr)
            << '\n';
  {
    torch::NoGradGuard no_grad;
    std::cout << (z * 2).requires_grad() << ' ' << torch::GradMode::is_enabled() << '\n';
    torch::AutoGradMode enabled(true);
    std::cout << (z * 2).requires_grad() << '\n';
  }
  std::cout << z.detach().requires_grad() << '\n';
  try {
    z.sum().item<float>();
    (z * z).backward();
  } catch (const c10::Error& error) {
    std::cout << "an error\n";
  }
}
