// Teaches a network of two layers to tell the arms of a double spiral apart, with nothing but tensors and gradients.
// examples/python/classifier.py is the same program, and prints the same numbers.
#include <tenon/tenon.h>

#include <cmath>
#include <cstdio>
#include <numbers>
#include <vector>

using tenon::Tensor;

struct Spirals {
  Tensor points;  // [n, 2]
  Tensor arms;    // [n, 1]: 0 or 1
};

// n points along two arms that wind once around each other, a little off their curve.
Spirals make_spirals(int64_t n) {
  const Tensor arm = tenon::arange(n, tenon::kFloat) % 2;
  const Tensor distance = tenon::rand({n}).sqrt();
  const Tensor angle = std::numbers::pi * (2 * distance + arm);
  const Tensor curve = tenon::stack({distance * angle.cos(), distance * angle.sin()}, 1);
  return {curve + 0.03 * tenon::randn({n, 2}), arm.unsqueeze(1)};
}

class Network {
 public:
  explicit Network(int64_t hidden)
      : weight1_(2 * tenon::randn({hidden, 2})),
        bias1_(tenon::randn({hidden})),
        weight2_(tenon::randn({1, hidden}) / std::sqrt(static_cast<double>(hidden))),
        bias2_(tenon::zeros({1})) {
    for (const Tensor& parameter : parameters()) parameter.requires_grad_();
  }

  // Above zero where it takes a point for one of arm 1.
  Tensor operator()(const Tensor& points) const {
    return tenon::linear(tenon::linear(points, weight1_, bias1_).tanh(), weight2_, bias2_);
  }
  std::vector<Tensor> parameters() const { return {weight1_, bias1_, weight2_, bias2_}; }

 private:
  Tensor weight1_, bias1_, weight2_, bias2_;
};

double accuracy(const Network& network, const Spirals& spirals) {
  tenon::NoGradGuard no_grad;
  const Tensor right = (network(spirals.points) > 0) == (spirals.arms > 0);
  return right.sum().item<double>() / static_cast<double>(right.numel());
}

int main() {
  tenon::manual_seed(7);
  const Spirals training = make_spirals(1000), unseen = make_spirals(1000);
  const Network network(64);
  const std::vector<Tensor> parameters = network.parameters();
  std::vector<Tensor> velocities;
  for (const Tensor& parameter : parameters) velocities.push_back(tenon::zeros_like(parameter));

  const int steps = 400;
  for (int step = 1; step <= steps; ++step) {
    const Tensor loss = tenon::binary_cross_entropy_with_logits(network(training.points), training.arms);
    loss.backward();

    tenon::NoGradGuard no_grad;
    for (size_t i = 0; i < parameters.size(); ++i) {
      velocities[i].mul_(0.9).add_(parameters[i].grad());
      parameters[i].sub_(velocities[i], 0.5);
      parameters[i].mutable_grad().reset();
    }
    if (step % 40 == 0) std::printf("step %3d of %d   loss %.4f\n", step, steps, loss.item<double>());
  }

  const double reached = accuracy(network, unseen);
  std::printf("accuracy on unseen points: %.1f %%\n", 100 * reached);
  return reached > 0.95 ? 0 : 1;
}
