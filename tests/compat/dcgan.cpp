// A generator and a discriminator of images, trained against each other for some steps.
#include <torch/torch.h>

#include <cstdio>
#include <tuple>

using namespace torch;

const int64_t kNoise = 16;

struct GeneratorNetImpl : nn::Module {
  explicit GeneratorNetImpl(int64_t noise)
      : conv1(nn::ConvTranspose2dOptions(noise, 32, 4).bias(false)),
        batch_norm1(32),
        conv2(nn::ConvTranspose2dOptions(32, 16, 3).stride(2).padding(1).bias(false)),
        batch_norm2(16),
        conv3(nn::ConvTranspose2dOptions(16, 1, 4).stride(2).padding(1).bias(false)) {
    register_module("conv1", conv1);
    register_module("conv2", conv2);
    register_module("conv3", conv3);
    register_module("batch_norm1", batch_norm1);
    register_module("batch_norm2", batch_norm2);
  }

  torch::Tensor forward(torch::Tensor x) {
    x = torch::relu(batch_norm1(conv1(x)));
    x = torch::relu(batch_norm2(conv2(x)));
    return torch::tanh(conv3(x));
  }

  nn::ConvTranspose2d conv1;
  nn::BatchNorm2d batch_norm1;
  nn::ConvTranspose2d conv2;
  nn::BatchNorm2d batch_norm2;
  nn::ConvTranspose2d conv3;
};
TORCH_MODULE(GeneratorNet);

nn::Sequential create_discriminator() {
  return nn::Sequential(nn::Conv2d(nn::Conv2dOptions(1, 8, 4).stride(2).padding(1).bias(false)),
                        nn::LeakyReLU(nn::LeakyReLUOptions().negative_slope(0.2)),
                        nn::Conv2d(nn::Conv2dOptions(8, 16, 4).stride(2).padding(1).bias(false)), nn::BatchNorm2d(16),
                        nn::LeakyReLU(nn::LeakyReLUOptions().negative_slope(0.2).inplace(true)),
                        nn::Conv2d(nn::Conv2dOptions(16, 1, 3).stride(1).padding(0).bias(false)), nn::Sigmoid(),
                        nn::Flatten());
}

void initialize(nn::Module& module) {
  torch::NoGradGuard no_grad;
  if (auto* conv = module.as<nn::Conv2d>()) nn::init::normal_(conv->weight, 0.0, 0.02);
  if (auto* norm = module.as<nn::BatchNorm2d>()) nn::init::normal_(norm->weight, 1.0, 0.02);
}

int main() {
  torch::manual_seed(11);
  torch::Device device(torch::kCPU);
  GeneratorNet generator(kNoise);
  generator->to(device);
  nn::Sequential discriminator = create_discriminator();
  discriminator->apply(initialize);
  discriminator->to(device);
  torch::optim::Adam generator_optimizer(generator->parameters(),
                                         torch::optim::AdamOptions(2e-3).betas(std::make_tuple(0.5, 0.9)));
  torch::optim::Adam discriminator_optimizer(discriminator->parameters(),
                                             torch::optim::AdamOptions(2e-3).betas(std::make_tuple(0.5, 0.9)));
  const auto real_images = torch::rand({8, 1, 14, 14}).mul_(2).sub_(1).to(device);
  for (int step = 1; step <= 12; ++step) {
    discriminator->zero_grad();
    torch::Tensor real_output = discriminator->forward(real_images);
    torch::Tensor real_labels = torch::empty(real_output.sizes(), device).uniform_(0.8, 1.0);
    torch::Tensor d_loss_real = torch::binary_cross_entropy(real_output, real_labels);
    d_loss_real.backward();
    torch::Tensor noise = torch::randn({8, kNoise, 1, 1}, device);
    torch::Tensor fake_images = generator->forward(noise);
    torch::Tensor fake_output = discriminator->forward(fake_images.detach());
    torch::Tensor fake_labels = torch::zeros(fake_output.sizes(), device);
    torch::Tensor d_loss_fake = torch::binary_cross_entropy(fake_output, fake_labels);
    d_loss_fake.backward();
    torch::Tensor d_loss = d_loss_real + d_loss_fake;
    discriminator_optimizer.step();
    generator->zero_grad();
    fake_labels.fill_(1);
    torch::Tensor g_loss = torch::binary_cross_entropy(discriminator->forward(fake_images), fake_labels);
    g_loss.backward();
    generator_optimizer.step();
    std::printf("step %d D %.5f G %.5f\n", step, d_loss.item<float>(), g_loss.item<float>());
  }
  generator->eval();
  torch::NoGradGuard no_grad;
  const auto samples = generator->forward(torch::randn({3, kNoise, 1, 1}, device));
  std::printf("%s samples, mean %.5f, deviation %.5f\n", torch::str(samples.sizes()).c_str(),
              samples.mean().item<float>(), samples.std().item<float>());
}
