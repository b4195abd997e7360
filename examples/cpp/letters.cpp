// Trains a language model of letters, an LSTM, on the text file that is named or on a made up text, and lets it write.
// Draws the losses in letters.svg. examples/python/letters.py is the same program, and prints the same numbers.
#include <tenon/tenon.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "showing.h"

namespace nn = tenon::nn;
using tenon::Tensor;
using State = std::tuple<Tensor, Tensor>;

constexpr int64_t kRows = 16, kLength = 32;

// Sentences like "the old boat finds a small tree."
std::string make_text(int64_t sentences) {
  const char* const words[4][3] = {
      {"a", "the", "one"}, {"small", "green", "old"}, {"bird", "boat", "tree"}, {"sees", "finds", "likes"}};
  const int order[] = {0, 1, 2, 3, 0, 1, 2};
  const Tensor drawn = tenon::randint(0, 3, {sentences, 7}, tenon::kLong);
  const int64_t* choice = drawn.data_ptr<int64_t>();
  std::string text;
  for (int64_t i = 0; i < sentences; ++i)
    for (int j = 0; j < 7; ++j) text.append(words[order[j]][*choice++]).append(j < 6 ? " " : ".\n");
  return text;
}

struct LettersImpl : nn::Module {
  explicit LettersImpl(int64_t letters, int64_t hidden = 96)
      : embedding(register_module("embedding", nn::Embedding(letters, 24))),
        lstm(register_module("lstm", nn::LSTM(nn::LSTMOptions(24, hidden).batch_first(true)))),
        dropout(register_module("dropout", nn::Dropout(0.1))),
        output(register_module("output", nn::Linear(hidden, letters))) {}

  // What may come after each letter, and what it remembers of them.
  std::tuple<Tensor, State> forward(const Tensor& text, const tenon::optional<State>& state) {
    const auto [hidden, last] = lstm->forward(embedding->forward(text), state);
    return {output->forward(dropout->forward(hidden)), last};
  }

  nn::Embedding embedding;
  nn::LSTM lstm;
  nn::Dropout dropout;
  nn::Linear output;
};
TENON_MODULE(Letters);

// Text that the model goes on with after the first letter of the alphabet.
std::string written(Letters& model, const std::string& alphabet, int count) {
  tenon::NoGradGuard no_grad;
  model->eval();
  Tensor letter = tenon::zeros({1, 1}, tenon::kLong), scores;
  tenon::optional<State> state;
  std::string text;
  for (int i = 0; i < count; ++i) {
    std::tie(scores, state) = model->forward(letter, state);
    letter = scores.select(1, -1).softmax(-1).multinomial(1);
    text += alphabet[static_cast<size_t>(letter.item<int64_t>())];
  }
  model->train();
  return text;
}

int main(int argc, char** argv) {
  tenon::manual_seed(2);
  std::string text;
  if (argc > 1) {
    std::ifstream file(argv[1]);
    text.assign(std::istreambuf_iterator<char>(file), {});
  } else {
    text = make_text(1200);
  }
  const std::set<char> letters(text.begin(), text.end());
  const std::string alphabet(letters.begin(), letters.end());
  std::vector<int64_t> numbers;
  for (const char letter : text) numbers.push_back(static_cast<int64_t>(alphabet.find(letter)));
  const int64_t steps = (static_cast<int64_t>(text.size()) - 1) / (kRows * kLength);
  if (steps == 0) {
    std::fprintf(stderr, "the text has %zu letters; at least %d are needed\n", text.size(), int(kRows * kLength + 1));
    return EXIT_FAILURE;
  }
  // Each row is a part of the text, read from left to right.
  const Tensor all = tenon::from_blob(numbers.data(), {static_cast<int64_t>(numbers.size())}, tenon::kLong);
  const auto parts = [&](int64_t from) {
    return all.narrow(0, from, kRows * steps * kLength).reshape({kRows, steps * kLength}).split(kLength, 1);
  };
  const std::vector<Tensor> given = parts(0), wanted = parts(1);

  Letters model(static_cast<int64_t>(alphabet.size()));
  tenon::optim::AdamW optimizer(model->parameters(), tenon::optim::AdamWOptions(5e-3));
  const int epochs = 4;
  std::vector<double> losses;
  for (int epoch = 1; epoch <= epochs; ++epoch) {
    Progress progress("epoch " + std::to_string(epoch), steps);
    tenon::optional<State> state;
    double sum = 0;
    for (size_t i = 0; i < given.size(); ++i) {
      const auto [scores, last] = model->forward(given[i], state);
      state = State(std::get<0>(last).detach(), std::get<1>(last).detach());
      const Tensor loss = nn::functional::cross_entropy(scores.flatten(0, 1), wanted[i].flatten());
      optimizer.zero_grad();
      loss.backward();
      nn::utils::clip_grad_norm_(model->parameters(), 1);
      optimizer.step();
      losses.push_back(loss.item<double>());
      sum += losses.back();
      progress.step();
    }
    const double mean = sum / static_cast<double>(steps);
    std::printf("epoch %d of %d   loss %.4f   perplexity %.2f\n", epoch, epochs, mean, std::exp(mean));
  }
  save_curves("letters.svg", "Learning letters", {{"loss", losses}});
  std::printf("%s\n", written(model, alphabet, 120).c_str());
  return losses.back() < 0.5 * losses.front() ? EXIT_SUCCESS : EXIT_FAILURE;
}
