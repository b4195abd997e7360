// A small transformer sorts sequences, with groups of parameters and a schedule of the learning rate.
#include <torch/torch.h>

#include <cstdio>
#include <memory>

namespace nn = torch::nn;

struct SorterImpl : nn::Module {
  SorterImpl(int64_t symbols, int64_t size, int64_t length)
      : embedding(symbols, size),
        decoder(size, symbols),
        encoder(nn::TransformerEncoderOptions(
            nn::TransformerEncoderLayerOptions(size, 2).dim_feedforward(32).dropout(0.05).activation(torch::kGELU),
            2)) {
    register_module("embedding", embedding);
    register_module("encoder", encoder);
    register_module("decoder", decoder);
    positions = register_parameter("positions", torch::arange(length, torch::kFloat).view({-1, 1, 1}).mul(0.3));
  }

  torch::Tensor forward(const torch::Tensor& input) { return decoder(encoder(embedding(input) + positions)); }

  nn::Embedding embedding;
  nn::Linear decoder;
  nn::TransformerEncoder encoder;
  torch::Tensor positions;
};
TORCH_MODULE(Sorter);

int main() {
  torch::manual_seed(8);
  Sorter model(8, 16, 6);
  torch::manual_seed(9);
  std::vector<torch::Tensor> decayed, others;
  for (const auto& parameter : model->named_parameters()) {
    (parameter.value().dim() > 1 ? decayed : others).push_back(parameter.value());
  }
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.emplace_back(decayed,
                      std::make_unique<torch::optim::AdamWOptions>(torch::optim::AdamWOptions(8e-3).weight_decay(0.1)));
  groups.emplace_back(others,
                      std::make_unique<torch::optim::AdamWOptions>(torch::optim::AdamWOptions(1e-2).weight_decay(0)));
  torch::optim::AdamW optimizer(groups, torch::optim::AdamWOptions(1e-3));
  torch::optim::StepLR scheduler(optimizer, 5, 0.5);
  nn::CrossEntropyLoss criterion(nn::CrossEntropyLossOptions().label_smoothing(0.05));
  for (int step = 1; step <= 15; ++step) {
    const auto input = torch::randint(8, {6, 16}, torch::kLong);
    const auto target = std::get<0>(input.sort(0));
    optimizer.zero_grad();
    auto loss = criterion(model(input).view({-1, 8}), target.view(-1));
    loss.backward();
    const double norm = nn::utils::clip_grad_norm_(model->parameters(), 1.0);
    optimizer.step();
    scheduler.step();
    if (step % 3 == 0) {
      const auto& options = static_cast<torch::optim::AdamWOptions&>(optimizer.param_groups()[0].options());
      std::printf("step %d loss %.5f norm %.5f rate %.6f\n", step, loss.item<float>(), norm, options.lr());
    }
  }

  nn::MultiheadAttention attention(nn::MultiheadAttentionOptions(8, 2));
  const auto query = torch::randn({3, 1, 8}), key = torch::randn({4, 1, 8});
  const auto [output, weights] = attention->forward(query, key, key);
  std::printf("%.6f %.6f\n", output.sum().item<float>(), weights[0][0][1].item<float>());
  nn::GroupNorm norm(nn::GroupNormOptions(2, 8));
  std::printf("%.6f\n", norm(query.permute({1, 2, 0})).pow(3).sum().item<float>());
}
