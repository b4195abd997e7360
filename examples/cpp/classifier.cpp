// Teaches a network of two layers to tell the arms of a double spiral apart, with nothing but tensors and gradients.
#include <tenon/tenon.h>

#include <cmath>
#include <cstdio>
#include <numbers>
#include <random>
#include <vector>

using tenon::Tensor;

std::mt19937 dice(7);

Tensor random_normal(tenon::IntArrayRef sizes, float deviation) {
  std::normal_distribution<float> normal(0, deviation);
  Tensor values = tenon::empty(sizes);
  float* data = values.data_ptr<float>();
  for (int64_t i = 0; i < values.numel(); ++i) data[i] = normal(dice);
  return values;
}

struct Spirals {
  Tensor points;  // [n, 2]
  Tensor arms;    // [n, 1]: 0 or 1
};

// n points along two arms that wind once around each other, a little off their curve.
Spirals make_spirals(int64_t n) {
  std::uniform_real_distribution<float> uniform(0, 1);
  Spirals spirals = {random_normal({n, 2}, 0.03f), tenon::empty({n, 1})};
  for (int64_t i = 0; i < n; ++i) {
    const float arm = static_cast<float>(i % 2);
    const float distance = std::sqrt(uniform(dice));
    const float angle = std::numbers::pi_v<float> * (2 * distance + arm);
    spirals.points.data_ptr<float>()[2 * i] += distance * std::cos(angle);
    spirals.points.data_ptr<float>()[2 * i + 1] += distance * std::sin(angle);
    spirals.arms.data_ptr<float>()[i] = arm;
  }
  return spirals;
}

class Network {
 public:
  explicit Network(int64_t hidden)
      : weight1_(random_normal({hidden, 2}, 2)),
        bias1_(random_normal({hidden}, 1)),
        weight2_(random_normal({1, hidden}, 1 / std::sqrt(static_cast<float>(hidden)))),
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
    if (step % 40 == 0) {
      std::printf("\rstep %3d of %d   loss %.4f\n", step, steps, loss.item<double>());
    }
  }

  const double reached = accuracy(network, unseen);
  std::printf("accuracy on unseen points: %.1f %%\n", 100 * reached);
  return reached > 0.95 ? 0 : 1;
}
