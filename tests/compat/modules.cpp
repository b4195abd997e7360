// Modules: names, lists and dicts of modules and parameters, copies, buffers, modes, and modules of any class.
#include <torch/torch.h>

#include <cstdio>
#include <iostream>
#include <string>

struct BlockImpl : torch::nn::Cloneable<BlockImpl> {
  BlockImpl(int64_t width, int64_t depth) : width(width), depth(depth) { reset(); }

  void reset() override {
    layers = register_module("layers", torch::nn::ModuleList());
    for (int64_t i = 0; i < depth; ++i) {
      layers->push_back(torch::nn::Linear(torch::nn::LinearOptions(width, width).bias(i % 2 == 0)));
    }
    offset = register_parameter("offset", torch::zeros({width}));
    calls = register_buffer("calls", torch::zeros({}, torch::kInt64));
  }

  torch::Tensor forward(torch::Tensor x) {
    calls += 1;
    for (size_t i = 0; i < layers->size(); ++i) {
      x = x + torch::gelu(layers[i]->as<torch::nn::Linear>()->forward(x)) / static_cast<double>(i + 1);
    }
    return x + offset;
  }

  int64_t width, depth;
  torch::nn::ModuleList layers{nullptr};
  torch::Tensor offset, calls;
};
TORCH_MODULE(Block);

struct ScaledImpl : torch::nn::Module {
  torch::Tensor forward(const torch::Tensor& x, double scale = 3.0) { return x * scale; }

 protected:
  FORWARD_HAS_DEFAULT_ARGS({1, torch::nn::AnyValue(3.0)})
};
TORCH_MODULE(Scaled);

double total(const torch::Tensor& tensor) { return tensor.sum().item<double>(); }

int main() {
  torch::manual_seed(4);
  Block block(3, 2);
  std::cout << block << '\n';
  for (const auto& item : block->named_parameters()) {
    std::cout << item.key() << ' ' << item.value().sizes() << ' ' << item.value().requires_grad() << '\n';
  }
  for (const auto& item : block->named_buffers()) std::cout << item.key() << '\n';
  for (const auto& item : block->named_modules("root")) {
    std::cout << item.key() << ' ' << item.value()->children().size() << '\n';
  }
  const auto x = torch::randn({2, 3});
  std::printf("%.6f\n", total(block(x)));

  auto copy = std::dynamic_pointer_cast<BlockImpl>(block->clone());
  {
    torch::NoGradGuard no_grad;
    copy->offset.fill_(1);
    copy->layers[0]->as<torch::nn::Linear>()->weight.zero_();
  }
  std::printf("%.6f %.6f %ld\n", total(block(x)), total(copy->forward(x)),
              static_cast<long>(copy->calls.item<int64_t>()));
  block->eval();
  block->apply([](torch::nn::Module& module) {
    std::cout << module.parameters().size() << ' ' << module.is_training() << '\n';
  });
  block->train();
  block->to(torch::kFloat64);
  std::printf("%.6f\n", total(block(x.to(torch::kDouble))));
  block(x.to(torch::kDouble)).sum().backward();
  std::printf("%.6f\n", total(block->offset.grad()));
  block->zero_grad();
  std::cout << block->offset.grad().defined() << ' ' << block->calls.item<int64_t>() << '\n';

  torch::manual_seed(5);
  torch::nn::Sequential sequence(
      {{"first", torch::nn::Linear(3, 4)}, {"act", torch::nn::Functional(torch::relu)}, {"scaled", Scaled()}});
  sequence->push_back("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({4}).eps(1e-4)));
  sequence->push_back(torch::nn::Softmax(torch::nn::SoftmaxOptions(1)));
  std::cout << sequence << '\n';
  const auto y = sequence->forward(x);
  std::printf("%.6f %.6f\n", y[0][0].item<float>(), y[1][3].item<float>());
  for (const auto& key : sequence->named_parameters().keys()) std::cout << key << ' ';
  std::cout << sequence->size() << '\n';
  torch::nn::AnyModule any(torch::nn::Linear(3, 1));
  std::printf("%.6f\n", any.forward(x)[0][0].item<float>());
  std::cout << any.get<torch::nn::Linear>()->options.in_features() << '\n';

  torch::OrderedDict<std::string, std::shared_ptr<torch::nn::Module>> named = {
      {"conv", torch::nn::Conv1d(torch::nn::Conv1dOptions(2, 3, 2).padding(torch::kSame)).ptr()},
      {"pool", torch::nn::AvgPool1d(2).ptr()}};
  torch::nn::ModuleDict dict(named);
  const auto image = torch::randn({1, 2, 6});
  std::printf(
      "%.6f\n",
      total(dict["pool"]->as<torch::nn::AvgPool1d>()->forward(dict["conv"]->as<torch::nn::Conv1d>()->forward(image))));
  std::cout << dict->contains("conv") << dict->contains("norm") << ' ' << dict << '\n';
  torch::nn::ParameterList list(torch::ones({2, 2}), torch::zeros(3));
  list->append(torch::full({4}, 0.5));
  for (const auto& item : list->named_parameters()) std::cout << item.key() << ' ' << item.value().sizes() << ' ';
  std::cout << list->size() << ' ' << list[2].requires_grad() << ' ' << list << '\n';
  try {
    block->register_parameter("offset", torch::zeros({1}));
  } catch (const c10::Error& error) {
    std::cout << "an error\n";
  }
}
