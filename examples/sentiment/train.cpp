// Learns from reviews whether one is positive or negative: a tokenizer, an embedding, a GRU and a linear layer.
// train.py is the same program and prints the same numbers; its first lines say what files are read and written.
#include <tenon/tenon.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../cpp/showing.h"
#include "reviews.h"

namespace nn = tenon::nn;
namespace text = tenon::text;
using tenon::Tensor;
using Reviews = std::vector<Review>;

constexpr int64_t kVocabulary = 10000, kLength = 128, kBatch = 32, kMadeUp = 20000;
constexpr const char* kPad = "<pad>";
constexpr const char* kNames[] = {"negative", "positive"};

struct TextClassifierImpl : nn::Module {
  explicit TextClassifierImpl(int64_t vocabulary, int64_t hidden = 128)
      : embedding(register_module("embedding", nn::Embedding(vocabulary, hidden))),
        gru(register_module("gru", nn::GRU(nn::GRUOptions(hidden, hidden).batch_first(true)))),
        ln1(register_module("ln1", nn::Linear(hidden, 2))) {}

  // How much speaks for either label. What is beyond a review's length plays no part.
  Tensor forward(const Tensor& ids, const Tensor& lengths) {
    const Tensor embedded = embedding->forward(ids.narrow(1, 0, lengths.max().item<int64_t>()));
    const auto packed = nn::utils::rnn::pack_padded_sequence(embedded, lengths, true, false);
    const Tensor hidden = std::get<1>(gru->forward_with_packed_input(packed));
    return ln1->forward(hidden.squeeze(0));
  }

  nn::Embedding embedding;
  nn::GRU gru;
  nn::Linear ln1;
};
TENON_MODULE(TextClassifier);

struct Options {
  std::string data, out = "sentiment-model", predictions;
  int64_t epochs = 6, patience = 2, limit = 0, seed = 0, threads = 0;
  bool resume = false;
};

constexpr const char* kHelp =
    "sentiment_train [--data FILE] [--out FOLDER] [--epochs N] [--patience N] [--limit N] [--seed N] [--threads N]\n"
    "                [--resume] [--predictions FILE]\n\n"
    "Learns from reviews whether one is positive or negative.\n"
    "  --data         a file of reviews; without it they are made up\n"
    "  --out          the folder to write into, sentiment-model where it is not given\n"
    "  --patience     stop after so many epochs that are no better\n"
    "  --limit        learn from the first reviews only\n"
    "  --resume       go on from the checkpoint in --out\n"
    "  --predictions  write what is said of each held out review into this file\n";

Options parse_options(int argc, char** argv) {
  Options options;
  const std::map<std::string, std::string*> texts = {
      {"--data", &options.data}, {"--out", &options.out}, {"--predictions", &options.predictions}};
  const std::map<std::string, std::pair<int64_t*, int64_t>> numbers = {{"--epochs", {&options.epochs, 1}},
                                                                       {"--patience", {&options.patience, 1}},
                                                                       {"--limit", {&options.limit, 1}},
                                                                       {"--seed", {&options.seed, 0}},
                                                                       {"--threads", {&options.threads, 1}}};
  constexpr int64_t kMost = 1'000'000'000;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--help") {
      std::fputs(kHelp, stdout);
      std::exit(EXIT_SUCCESS);
    }
    if (name == "--resume") {
      options.resume = true;
      continue;
    }
    const auto number = numbers.find(name);
    const auto text = texts.find(name);
    if (number == numbers.end() && text == texts.end())
      throw tenon::ValueError("there is no option " + name + "; --help lists them");
    if (++i == argc) throw tenon::ValueError(name + " needs a value");
    if (text != texts.end()) {
      *text->second = argv[i];
      continue;
    }
    const auto& [value, least] = number->second;
    char* end = nullptr;
    *value = std::strtoll(argv[i], &end, 10);
    if (end == argv[i] || *end != '\0' || *value < least || *value > kMost)
      throw tenon::ValueError(
          tenon::concat(name, " must be a number from ", least, " to ", kMost, ", got '", argv[i], "'"));
  }
  return options;
}

std::span<const int64_t> numbers_of(const Tensor& tensor) {
  return {tensor.const_data_ptr<int64_t>(), static_cast<size_t>(tensor.numel())};
}

// The same reviews each time.
Reviews make_corpus(int64_t count) {
  const tenon::Generator random(1);
  const Tensor order = tenon::randperm(kWords, tenon::kLong, random);
  const Tensor draws = tenon::randint(0, 1 << 24, {count, kDraws}, tenon::kLong, random);
  return make_reviews(numbers_of(order), numbers_of(draws));
}

text::Tokenizer train_tokenizer(const Reviews& reviews) {
  text::TrainingOptions options{.vocab_size = kVocabulary, .special_tokens = {{.content = kPad, .special = true}}};
  options.special_tokens[0].normalized = false;
  options.progress = [](const text::TrainingProgress& progress) {
    std::fprintf(stderr, "\r\x1b[Ktokenizer: %s, %llu of %llu", progress.stage,
                 static_cast<unsigned long long>(progress.done), static_cast<unsigned long long>(progress.total));
  };
  text::Tokenizer tokenizer;
  size_t given = 0;
  const auto next = [&](std::string& document) {
    if (given == reviews.size()) return false;
    document = reviews[given++].document;
    return true;
  };
  tokenizer.train(next, options, reviews.size());
  std::fputs("\r\x1b[K", stderr);
  tokenizer.set_truncation(text::Truncation{.max_length = kLength});
  return tokenizer;
}

// The ids of each review, padded, how many they are, and its label.
struct Encoded {
  Tensor ids, lengths, labels;

  int64_t size() const { return labels.size(0); }
  Encoded chosen(const Tensor& which) const {
    return {ids.index_select(0, which), lengths.index_select(0, which), labels.index_select(0, which)};
  }
  Encoded part(int64_t from, int64_t count) const {
    return {ids.narrow(0, from, count), lengths.narrow(0, from, count), labels.narrow(0, from, count)};
  }
};

Encoded encode(const text::Tokenizer& tokenizer, const Reviews& reviews) {
  const std::vector<std::string_view> documents = [&] {
    std::vector<std::string_view> views;
    for (const Review& review : reviews) views.push_back(review.document);
    return views;
  }();
  const auto count = static_cast<int64_t>(reviews.size());
  // Id 0 is that of the padding, and the one token of a review that has none.
  const Encoded encoded{tenon::zeros({count, kLength}, tenon::kLong), tenon::empty({count}, tenon::kLong),
                        tenon::empty({count}, tenon::kLong)};
  int64_t* row = encoded.ids.data_ptr<int64_t>();
  int64_t* length = encoded.lengths.data_ptr<int64_t>();
  int64_t* label = encoded.labels.data_ptr<int64_t>();
  for (const text::Encoding& tokens : tokenizer.encode_batch(documents)) {
    std::ranges::copy(tokens.ids(), row);
    row += kLength;
    *length++ = std::max<int64_t>(static_cast<int64_t>(tokens.size()), 1);
  }
  for (const Review& review : reviews) *label++ = review.label;
  return encoded;
}

struct Judged {
  double loss = 0, accuracy = 0;
  std::array<std::array<int64_t, 2>, 2> matrix{};   // how many reviews of each label were given which
  std::vector<std::array<float, 2>> probabilities;  // of each review and label
};

Judged judge(TextClassifier& model, const Encoded& reviews) {
  tenon::NoGradGuard no_grad;
  model->eval();
  Judged judged;
  for (int64_t from = 0; from < reviews.size(); from += kBatch) {
    const Encoded batch = reviews.part(from, std::min(kBatch, reviews.size() - from));
    const Tensor logits = model->forward(batch.ids, batch.lengths);
    judged.loss += nn::functional::cross_entropy(logits, batch.labels,
                                                 nn::functional::CrossEntropyFuncOptions().reduction(tenon::kSum))
                       .item<double>();
    const Tensor probabilities = logits.softmax(1);
    for (int64_t i = 0; i < batch.size(); ++i) {
      const float* row = probabilities.const_data_ptr<float>() + 2 * i;
      judged.probabilities.push_back({row[0], row[1]});
      ++judged.matrix[static_cast<size_t>(batch.labels[i].item<int64_t>())][row[1] > row[0]];
    }
  }
  model->train();
  judged.loss /= static_cast<double>(reviews.size());
  judged.accuracy =
      static_cast<double>(judged.matrix[0][0] + judged.matrix[1][1]) / static_cast<double>(reviews.size());
  return judged;
}

// What epochs have shown, one number for each.
struct History {
  std::vector<double> losses, unseen_losses, accuracies;

  int64_t epochs() const { return static_cast<int64_t>(losses.size()); }
  // How many epochs came after the best one.
  int64_t since_best() const {
    return accuracies.empty() ? 0 : accuracies.end() - std::ranges::max_element(accuracies) - 1;
  }
  void save(tenon::serialize::OutputArchive& archive) const {
    archive.write("losses", tenon::IValue(losses));
    archive.write("unseen_losses", tenon::IValue(unseen_losses));
    archive.write("accuracies", tenon::IValue(accuracies));
  }
  void load(tenon::serialize::InputArchive& archive) {
    for (auto [name, values] :
         {std::pair("losses", &losses), {"unseen_losses", &unseen_losses}, {"accuracies", &accuracies}}) {
      tenon::IValue saved;
      archive.read(name, saved);
      *values = saved.toDoubleVector();
    }
  }
};

// All that training goes on from.
struct Checkpoint {
  TextClassifier& model;
  tenon::optim::Adam& optimizer;
  History& history;
  int64_t seed, reviews;  // which must be the same

  void save(tenon::serialize::OutputArchive& archive) const {
    tenon::serialize::OutputArchive parts[3];
    archive.write("model", parts[0] << model);
    archive.write("optimizer", parts[1] << optimizer);
    archive.write("history", parts[2] << history);
    archive.write("seed", tenon::IValue(seed));
    archive.write("reviews", tenon::IValue(reviews));
  }
  void load(tenon::serialize::InputArchive& archive) {
    tenon::serialize::InputArchive parts[3];
    for (auto [name, expected] : {std::pair("seed", seed), {"reviews", reviews}}) {
      tenon::IValue saved;
      archive.read(name, saved);
      if (saved.toInt() != expected)
        throw tenon::ValueError(
            tenon::concat("the checkpoint goes on with ", name, " ", saved.toInt(), ", not ", expected));
    }
    archive.read("model", parts[0]);
    archive.read("optimizer", parts[1]);
    archive.read("history", parts[2]);
    parts[0] >> model;
    parts[1] >> optimizer;
    parts[2] >> history;
  }
};

void save_model(const std::string& path, const TextClassifier& model) {
  tenon::io::TensorDict tensors;
  for (const auto& item : nn::state_dict(*model)) tensors[item.key()] = item.value();
  tenon::io::save_safetensors(path, tensors);
}

void load_model(const std::string& path, TextClassifier& model) {
  nn::StateDict state;
  for (const auto& [name, tensor] : tenon::io::load_safetensors(path)) state.insert(name, tensor);
  nn::load_state_dict(*model, state);
}

void write_predictions(const std::string& path, const Reviews& reviews, const Judged& judged) {
  std::ofstream file(path, std::ios::binary);
  file << "id\tdocument\tlabel\tanswer\n";
  for (size_t i = 0; i < reviews.size(); ++i) {
    const auto& row = judged.probabilities[i];
    const size_t said = row[1] > row[0];
    char probability[16];
    std::snprintf(probability, sizeof probability, "%.3f", double{row[said]});
    file << reviews[i].id << '\t' << reviews[i].document << '\t' << reviews[i].label << '\t' << kNames[said] << ' '
         << probability << '\n';
  }
  if (!file.flush()) throw tenon::Error("cannot write " + path);
}

Reviews chosen(const Reviews& reviews, std::span<const int64_t> which) {
  Reviews found;
  for (const int64_t i : which) found.push_back(reviews[static_cast<size_t>(i)]);
  return found;
}

void train(const Options& options) {
  std::filesystem::create_directories(options.out);
  const std::string tokenizer_file = options.out + "/tokenizer.json", model_file = options.out + "/model.safetensors",
                    checkpoint_file = options.out + "/checkpoint.pt";

  const Reviews reviews = options.data.empty() ? make_corpus(options.limit ? options.limit : kMadeUp)
                                               : read_reviews(options.data, options.limit);
  if (reviews.size() < 10)
    throw tenon::ValueError(tenon::concat("there are ", reviews.size(), " reviews; at least 10 are needed"));
  const auto seed = static_cast<uint64_t>(options.seed);
  const Tensor split = tenon::randperm(static_cast<int64_t>(reviews.size()), tenon::kLong, tenon::Generator(seed));
  const size_t taught = reviews.size() - reviews.size() / 10;
  const Reviews training = chosen(reviews, numbers_of(split).first(taught));
  const Reviews held_out = chosen(reviews, numbers_of(split).subspan(taught));

  const bool resumed = options.resume && std::filesystem::exists(checkpoint_file);
  if (!resumed) train_tokenizer(training).save(tokenizer_file);
  const text::Tokenizer tokenizer = text::Tokenizer::from_file(tokenizer_file);
  const Encoded encoded = encode(tokenizer, training), unseen = encode(tokenizer, held_out);
  const auto vocabulary = static_cast<int64_t>(tokenizer.get_vocab_size());
  std::printf("%zu reviews to learn from, %zu held out, %lld tokens\n", training.size(), held_out.size(),
              static_cast<long long>(vocabulary));

  tenon::manual_seed(seed);
  TextClassifier model(vocabulary);
  tenon::optim::Adam optimizer(model->parameters(), tenon::optim::AdamOptions(1e-3));
  History history;
  Checkpoint checkpoint{model, optimizer, history, options.seed, static_cast<int64_t>(reviews.size())};
  if (resumed) {
    tenon::load(checkpoint, checkpoint_file);
    std::printf("going on after epoch %lld\n", static_cast<long long>(history.epochs()));
  }

  const int64_t steps = (encoded.size() + kBatch - 1) / kBatch;
  Pace pace((options.epochs - history.epochs()) * encoded.size(), "reviews");
  for (int64_t epoch = history.epochs() + 1; epoch <= options.epochs; ++epoch) {
    if (history.since_best() >= options.patience) {
      std::printf("no better for %lld epochs\n", static_cast<long long>(options.patience));
      break;
    }
    // The order that Python's DataLoader goes through; first it draws a seed for workers.
    tenon::Generator random(seed + static_cast<uint64_t>(epoch));
    tenon::empty({}, tenon::kLong).random_(random);
    const Tensor order = tenon::randperm(encoded.size(), tenon::kLong, random);
    double total = 0;
    for (int64_t step = 1; step <= steps; ++step) {
      const int64_t from = (step - 1) * kBatch;
      const Encoded batch = encoded.chosen(order.narrow(0, from, std::min(kBatch, encoded.size() - from)));
      const Tensor loss = nn::functional::cross_entropy(model->forward(batch.ids, batch.lengths), batch.labels);
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
      total += loss.item<double>();
      pace.add(batch.size());
      if (step % 50 == 0)
        pace.show("epoch %lld of %lld   step %lld of %lld   loss %.4f", static_cast<long long>(epoch),
                  static_cast<long long>(options.epochs), static_cast<long long>(step), static_cast<long long>(steps),
                  total / static_cast<double>(step));
    }
    pace.clear();
    const Judged judged = judge(model, unseen);
    history.losses.push_back(total / static_cast<double>(steps));
    history.unseen_losses.push_back(judged.loss);
    history.accuracies.push_back(judged.accuracy);
    if (history.since_best() == 0) save_model(model_file, model);
    tenon::save(checkpoint, checkpoint_file);
    std::printf("epoch %lld   loss %.6f   held out: loss %.6f   %.2f%% right\n", static_cast<long long>(epoch),
                history.losses.back(), judged.loss, 100 * judged.accuracy);
    std::fflush(stdout);
  }

  save_curves(options.out + "/losses.svg", "Learning the sentiment of reviews",
              {{"loss", history.losses},
               {"loss of reviews held out", history.unseen_losses},
               {"accuracy on them", history.accuracies}});
  load_model(model_file, model);
  const Judged best = judge(model, unseen);
  std::printf("the best, %s: %.2f%% of the reviews held out are right\n", model_file.c_str(), 100 * best.accuracy);
  for (size_t label = 0; label < 2; ++label)
    std::printf("  of the %s ones, %lld are called negative, %lld positive\n", kNames[label],
                static_cast<long long>(best.matrix[label][0]), static_cast<long long>(best.matrix[label][1]));
  if (options.data.empty()) {
    const auto right =
        std::ranges::count_if(held_out, [](const Review& review) { return review.label == review.meant; });
    std::printf("  no one can reach more than %.2f%%: the labels of the others are wrong on purpose\n",
                100 * (static_cast<double>(right) / static_cast<double>(held_out.size())));
  }
  if (!options.predictions.empty()) write_predictions(options.predictions, held_out, best);
}

int main(int argc, char** argv) {
  try {
    const Options options = parse_options(argc, argv);
    if (options.threads > 0) tenon::set_num_threads(static_cast<int>(options.threads));
    train(options);
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sentiment_train: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
