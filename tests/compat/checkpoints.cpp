// Tensors, modules and optimizers are saved and loaded; training goes on as if it had not stopped.
#include <torch/torch.h>

#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

torch::nn::Sequential make_model() {
  return torch::nn::Sequential(torch::nn::Linear(4, 8), torch::nn::BatchNorm1d(8), torch::nn::Tanh(),
                               torch::nn::Linear(8, 1));
}

template <typename Optimizer>
double train(torch::nn::Sequential& model, Optimizer& optimizer, const torch::Tensor& x, const torch::Tensor& y) {
  torch::Tensor loss;
  for (int step = 0; step < 5; ++step) {
    optimizer.zero_grad();
    loss = torch::mse_loss(model->forward(x), y);
    loss.backward();
    optimizer.step();
  }
  return loss.item<double>();
}

template <typename Optimizer, typename Options>
void interrupted(const char* name, const Options& options) {
  torch::manual_seed(9);
  const auto x = torch::randn({16, 4}), y = x.sum(1, true).sin();
  auto model = make_model();
  Optimizer optimizer(model->parameters(), options);
  std::printf("%s %.6f", name, train(model, optimizer, x, y));
  torch::save(model, "model.pt");
  torch::save(optimizer, "optimizer.pt");
  const double onward = train(model, optimizer, x, y);

  auto again = make_model();
  Optimizer optimizer_again(again->parameters(), Options(0.5));
  torch::load(again, "model.pt");
  torch::load(optimizer_again, "optimizer.pt");
  const double resumed = train(again, optimizer_again, x, y);
  std::printf(" %.6f %s\n", onward, onward == resumed ? "resumed" : "not resumed");
}

struct Counter {
  int64_t count = 0;
  torch::Tensor values = torch::zeros(2);

  void save(torch::serialize::OutputArchive& archive) const {
    archive.write("count", torch::tensor(count));
    archive.write("values", values, /*is_buffer=*/true);
    archive.write("name", c10::IValue("counter"));
  }
  void load(torch::serialize::InputArchive& archive) {
    torch::Tensor number;
    c10::IValue name;
    archive.read("count", number);
    archive.read("values", values, true);
    archive.read("name", name);
    count = number.item<int64_t>();
    std::cout << name.toStringRef() << '\n';
  }
};

int main() {
  interrupted<torch::optim::SGD>("SGD", torch::optim::SGDOptions(0.05).momentum(0.9));
  interrupted<torch::optim::Adam>("Adam", torch::optim::AdamOptions(0.01).amsgrad(true));
  interrupted<torch::optim::RMSprop>("RMSprop", torch::optim::RMSpropOptions(0.01).centered(true));
  interrupted<torch::optim::Adagrad>("Adagrad", torch::optim::AdagradOptions(0.05).lr_decay(0.1));

  const auto tensor = torch::arange(6, torch::kFloat).view({2, 3});
  std::stringstream stream;
  torch::save(tensor, stream);
  torch::Tensor back;
  torch::load(back, stream);
  std::cout << back.sizes() << ' ' << back.equal(tensor) << '\n';
  torch::save(std::vector<torch::Tensor>{tensor, tensor.to(torch::kInt64) * 2}, "tensors.pt");
  std::vector<torch::Tensor> tensors;
  torch::load(tensors, "tensors.pt");
  std::cout << tensors.size() << ' ' << tensors[1].sum().item<int64_t>() << '\n';

  Counter counter;
  counter.count = 42;
  counter.values += 1.5;
  torch::serialize::OutputArchive output;
  counter.save(output);
  output.save_to("counter.pt");
  torch::serialize::InputArchive input;
  input.load_from("counter.pt");
  Counter other;
  other.load(input);
  std::printf("%ld %.3f\n", static_cast<long>(other.count), other.values.sum().item<double>());
  torch::Tensor absent;
  std::cout << input.try_read("absent", absent) << '\n';
  try {
    input.read("absent", absent);
  } catch (const c10::Error& error) {
    std::cout << "an error\n";
  }
  try {
    torch::load(absent, "no such file.pt");
  } catch (const c10::Error& error) {
    std::cout << "an error\n";
  }
}
