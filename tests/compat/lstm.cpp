// A language model: embedding, LSTM, and a linear map; then what a GRU and packed sequences give.
#include <torch/torch.h>

#include <cstdio>
#include <string>
#include <tuple>

const std::string kText = "the quick brown fox jumps over the lazy dog while the other dog looks at the fox. ";

struct LanguageModelImpl : torch::nn::Module {
  LanguageModelImpl(int64_t vocabulary, int64_t size)
      : embedding(vocabulary, size),
        lstm(torch::nn::LSTMOptions(size, size).num_layers(2).dropout(0.1).batch_first(true)),
        decoder(size, vocabulary) {
    register_module("embedding", embedding);
    register_module("lstm", lstm);
    register_module("decoder", decoder);
  }

  using State = std::tuple<torch::Tensor, torch::Tensor>;
  std::tuple<torch::Tensor, State> forward(const torch::Tensor& input, torch::optional<State> state = {}) {
    auto [output, next] = lstm->forward(embedding->forward(input), state);
    return {decoder->forward(output), next};
  }

  torch::nn::Embedding embedding;
  torch::nn::LSTM lstm;
  torch::nn::Linear decoder;
};
TORCH_MODULE(LanguageModel);

int main() {
  torch::manual_seed(5);
  std::vector<int64_t> letters;
  for (const char letter : kText + kText) letters.push_back(letter == ' ' ? 26 : letter == '.' ? 27 : letter - 'a');
  const auto data = torch::tensor(letters).slice(0, 0, 160).view({8, 20});
  LanguageModel model(28, 24);
  torch::optim::Adam optimizer(model->parameters(), 5e-3);
  for (int step = 1; step <= 15; ++step) {
    const auto input = data.slice(1, 0, 19), target = data.slice(1, 1, 20);
    const auto [logits, state] = model->forward(input);
    auto loss = torch::nn::functional::cross_entropy(logits.reshape({-1, 28}), target.reshape({-1}));
    optimizer.zero_grad();
    loss.backward();
    const double norm = torch::nn::utils::clip_grad_norm_(model->parameters(), 0.5);
    optimizer.step();
    if (step % 3 == 0) std::printf("step %d loss %.5f norm %.5f\n", step, loss.item<float>(), norm);
  }

  model->eval();
  torch::NoGradGuard no_grad;
  torch::Tensor letter = torch::zeros({1, 1}, torch::kInt64);
  torch::optional<LanguageModelImpl::State> state;
  for (int i = 0; i < 5; ++i) {
    const auto [logits, next] = model->forward(letter, state);
    const auto [value, index] = logits[0][0].topk(2);
    std::printf("%ld %.4f %.4f\n", static_cast<long>(index[0].item<int64_t>()), value[0].item<float>(),
                value[1].item<float>());
    letter = index[0].view({1, 1});
    state = next;
  }

  torch::nn::GRU gru(torch::nn::GRUOptions(5, 4).bidirectional(true));
  const auto padded = torch::randn({6, 3, 5});
  const auto packed = torch::nn::utils::rnn::pack_padded_sequence(padded, torch::tensor({6, 4, 3}));
  const auto [sequence, hidden] = gru->forward_with_packed_input(packed);
  const auto [output, lengths] = torch::nn::utils::rnn::pad_packed_sequence(sequence);
  std::printf("%.5f %.5f %ld\n", output.sum().item<float>(), hidden.abs().sum().item<float>(),
              static_cast<long>(lengths.sum().item<int64_t>()));
  torch::nn::LSTMCell cell(5, 4);
  auto [h, c] = cell->forward(padded[0]);
  std::tie(h, c) = cell->forward(padded[1], std::make_tuple(h, c));
  std::printf("%.5f %.5f\n", h.sum().item<float>(), c.sum().item<float>());
}
