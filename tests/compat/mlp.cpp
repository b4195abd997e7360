// Classifies points on two spirals, from datasets of both kinds, with batches by two workers.
#include <torch/torch.h>

#include <cmath>
#include <cstdio>
#include <iostream>

struct SpiralNetImpl : torch::nn::Module {
  SpiralNetImpl(int64_t hidden, double drop)
      : first(register_module("first", torch::nn::Linear(2, hidden))),
        norm(register_module("norm", torch::nn::BatchNorm1d(hidden))),
        dropout(register_module("dropout", torch::nn::Dropout(drop))),
        last(register_module("last", torch::nn::Linear(torch::nn::LinearOptions(hidden, 2).bias(true)))) {}

  torch::Tensor forward(torch::Tensor x) {
    x = torch::relu(norm(first(x)));
    return torch::log_softmax(last(dropout(x)), /*dim=*/1);
  }

  torch::nn::Linear first;
  torch::nn::BatchNorm1d norm;
  torch::nn::Dropout dropout;
  torch::nn::Linear last;
};
TORCH_MODULE(SpiralNet);

class Spirals : public torch::data::datasets::Dataset<Spirals> {
 public:
  explicit Spirals(size_t count) : count_(count) {}

  torch::data::Example<> get(size_t index) override {
    const double t = static_cast<double>(index / 2) / static_cast<double>(count_) * 8;
    const double sign = index % 2 ? -1 : 1;
    return {torch::tensor({sign * t * std::cos(t), sign * t * std::sin(t)}, torch::kFloat32),
            torch::tensor(static_cast<int64_t>(index % 2))};
  }
  torch::optional<size_t> size() const override { return count_; }

 private:
  size_t count_;
};

template <typename Loader>
double train_epoch(SpiralNet& net, Loader& loader, torch::optim::Optimizer& optimizer) {
  net->train();
  double total = 0;
  for (auto& batch : loader) {
    optimizer.zero_grad();
    auto loss = torch::nll_loss(net(batch.data), batch.target);
    loss.backward();
    optimizer.step();
    total += loss.template item<double>() * static_cast<double>(batch.data.size(0));
  }
  return total;
}

template <typename Loader>
void evaluate(SpiralNet& net, Loader& loader) {
  torch::NoGradGuard no_grad;
  net->eval();
  double loss = 0;
  int64_t correct = 0;
  for (const auto& batch : loader) {
    const auto output = net->forward(batch.data);
    loss += torch::nll_loss(output, batch.target, /*weight=*/{}, torch::Reduction::Sum).template item<double>();
    correct += output.argmax(1).eq(batch.target).sum().template item<int64_t>();
  }
  std::printf("loss %.5f correct %ld\n", loss, static_cast<long>(correct));
}

int main() {
  torch::manual_seed(7);
  SpiralNet net(32, 0.1);
  std::cout << net << '\n';
  auto dataset = Spirals(200).map(torch::data::transforms::Stack<>());
  std::printf("%zu examples\n", *dataset.size());
  auto loader = torch::data::make_data_loader(
      dataset, torch::data::DataLoaderOptions().batch_size(32).workers(2).drop_last(true));
  auto in_order = torch::data::make_data_loader<torch::data::samplers::SequentialSampler>(std::move(dataset), 64);
  torch::optim::Adam optimizer(net->parameters(), torch::optim::AdamOptions(2e-2).weight_decay(1e-4));
  for (int epoch = 1; epoch <= 8; ++epoch) {
    std::printf("epoch %d loss %.4f\n", epoch, train_epoch(net, *loader, optimizer));
    if (epoch % 4 == 0) evaluate(net, *in_order);
  }

  auto tensors = torch::data::datasets::TensorDataset(torch::randn({10, 3}))
                     .map(torch::data::transforms::TensorLambda<void>([](torch::Tensor x) { return x * 2; }))
                     .map(torch::data::transforms::Stack<torch::data::TensorExample>());
  const auto fours = torch::data::make_data_loader(std::move(tensors), /*batch_size=*/4);
  for (auto& batch : *fours) {
    std::printf("%ld rows, sum %.5f\n", static_cast<long>(batch.data.size(0)), batch.data.sum().item<float>());
  }
}
