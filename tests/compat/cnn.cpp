// Trains a convolutional network on images that it writes in MNIST's format first: bars across or upright.
#include <torch/torch.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>

const int64_t kImages = 10000;
const int64_t kBatches = 12;

void write_number(std::ofstream& file, uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) file.put(static_cast<char>(number >> shift & 0xff));
}

void write_images(const std::string& folder) {
  std::ofstream images(folder + "/t10k-images-idx3-ubyte", std::ios::binary);
  std::ofstream labels(folder + "/t10k-labels-idx1-ubyte", std::ios::binary);
  for (const uint32_t number : {0x803u, static_cast<uint32_t>(kImages), 28u, 28u}) write_number(images, number);
  for (const uint32_t number : {0x801u, static_cast<uint32_t>(kImages)}) write_number(labels, number);
  for (int64_t i = 0; i < kImages; ++i) {
    const int64_t digit = i * 7 % 10;
    const int64_t place = 4 + digit / 2 * 4 + i / 10 % 3;
    std::string image(28 * 28, '\0');
    for (int64_t j = 2; j < 26; ++j) {
      const int64_t row = digit % 2 ? j : place, column = digit % 2 ? place : j;
      image[static_cast<size_t>(row * 28 + column)] = static_cast<char>(150 + (i + j) % 100);
    }
    images << image;
    labels.put(static_cast<char>(digit));
  }
}

struct Net : torch::nn::Module {
  Net()
      : conv1(torch::nn::Conv2dOptions(1, 6, /*kernel_size=*/5)),
        conv2(torch::nn::Conv2dOptions(6, 12, 3).stride(2).padding(1).bias(false)),
        drop(torch::nn::Dropout2dOptions().p(0.2)),
        fc(12 * 3 * 3, 10) {
    register_module("conv1", conv1);
    register_module("conv2", conv2);
    register_module("drop", drop);
    register_module("fc", fc);
  }

  torch::Tensor forward(torch::Tensor x) {
    x = torch::relu(torch::max_pool2d(conv1->forward(x), 2));
    x = torch::max_pool2d(torch::relu(drop->forward(conv2->forward(x))), 2);
    x = torch::dropout(x.view({-1, 12 * 3 * 3}), /*p=*/0.1, /*training=*/is_training());
    return torch::log_softmax(fc->forward(x), 1);
  }

  torch::nn::Conv2d conv1, conv2;
  torch::nn::Dropout2d drop;
  torch::nn::Linear fc;
};

int main() {
  torch::manual_seed(3);
  const std::string folder = std::filesystem::temp_directory_path() / ("bars" + std::to_string(std::random_device()()));
  std::filesystem::create_directory(folder);
  write_images(folder);
  const torch::Device device(torch::cuda::is_available() ? torch::kCUDA : torch::kCPU);
  Net model;
  model.to(device);
  auto dataset = torch::data::datasets::MNIST(folder, torch::data::datasets::MNIST::Mode::kTest)
                     .map(torch::data::transforms::Normalize<>(0.1307, 0.3081))
                     .map(torch::data::transforms::Stack<>());
  std::filesystem::remove_all(folder);
  std::printf("%zu images\n", dataset.size().value());
  auto loader = torch::data::make_data_loader<torch::data::samplers::RandomSampler>(std::move(dataset), /*batch=*/64);
  torch::optim::SGD optimizer(model.parameters(), torch::optim::SGDOptions(0.02).momentum(0.9).nesterov(true));
  int64_t batch_index = 0, correct = 0;
  for (auto& batch : *loader) {
    auto data = batch.data.to(device), targets = batch.target.to(device);
    optimizer.zero_grad();
    auto output = model.forward(data);
    auto loss = torch::nll_loss(output, targets);
    AT_ASSERT(!std::isnan(loss.template item<float>()));
    loss.backward();
    optimizer.step();
    correct += output.argmax(1).eq(targets).sum().item<int64_t>();
    std::printf("batch %ld loss %.5f mean pixel %.6f\n", static_cast<long>(batch_index), loss.item<float>(),
                data.mean().item<float>());
    if (++batch_index == kBatches) break;
  }
  model.eval();
  const auto output = model.forward(torch::ones({1, 1, 28, 28}));
  for (int64_t i = 0; i < 10; ++i) std::printf("%.5f ", output[0][i].item<float>());
  std::printf("\n%s\n", model.is_training() ? "training" : "evaluating");
}
