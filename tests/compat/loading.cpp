// Samplers and loaders: which examples come in which order, from one thread or several, and what goes wrong there.
#include <torch/torch.h>

#include <cstdio>
#include <iostream>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

namespace data = torch::data;

struct Squares : data::datasets::Dataset<Squares, int64_t> {
  explicit Squares(size_t count, int64_t bad = -1) : count(count), bad(bad) {}
  int64_t get(size_t index) override {
    if (static_cast<int64_t>(index) == bad) throw std::runtime_error("example " + std::to_string(index) + " is bad");
    return static_cast<int64_t>(index * index);
  }
  torch::optional<size_t> size() const override { return count; }

  size_t count;
  int64_t bad;
};

struct Countdown : data::datasets::StatefulDataset<Countdown, std::vector<int64_t>> {
  torch::optional<std::vector<int64_t>> get_batch(size_t size) override {
    if (left == 0) return torch::nullopt;
    std::vector<int64_t> batch;
    while (left > 0 && batch.size() < size) batch.push_back(left--);
    return batch;
  }
  torch::optional<size_t> size() const override { return torch::nullopt; }
  void reset() override { left = 10; }
  void save(torch::serialize::OutputArchive&) const override {}
  void load(torch::serialize::InputArchive&) override {}

  int64_t left = 0;
};

struct Stream : data::datasets::StreamDataset<Stream, std::vector<int64_t>> {
  std::vector<int64_t> get_batch(size_t size) override { return std::vector<int64_t>(size, next++); }
  torch::optional<size_t> size() const override { return torch::nullopt; }

  int64_t next = 0;
};

template <typename Values>
void print(const char* name, const Values& values) {
  std::cout << name;
  for (const auto& value : values) std::cout << ' ' << value;
  std::cout << '\n';
}

template <typename Sampler>
void print_epoch(const char* name, Sampler& sampler, size_t batch_size) {
  while (const auto batch = sampler.next(batch_size)) print(name, *batch);
}

int main() {
  torch::manual_seed(12);
  data::samplers::RandomSampler random(7);
  print_epoch("random", random, 3);
  random.reset(5);
  print_epoch("again", random, 5);
  data::samplers::SequentialSampler sequential(5);
  print_epoch("sequential", sequential, 2);
  for (size_t rank = 0; rank < 3; ++rank) {
    data::samplers::DistributedRandomSampler share(10, 3, rank);
    share.set_epoch(2);
    share.reset();
    print_epoch("share", share, 3);
    data::samplers::DistributedSequentialSampler in_order(10, 3, rank, /*allow_duplicates=*/false);
    print_epoch("in order", in_order, 2);
  }
  data::samplers::RandomSampler saved(6), loaded(6);
  saved.next(4);
  torch::serialize::OutputArchive output;
  saved.save(output);
  output.save_to("sampler.pt");
  torch::serialize::InputArchive input;
  input.load_from("sampler.pt");
  loaded.load(input);
  print("rest", *saved.next(9));
  print("same", *loaded.next(9));

  for (const size_t workers : {0, 1, 3}) {
    auto options = data::DataLoaderOptions().batch_size(4).workers(workers).drop_last(workers == 1);
    if (workers > 0) options.max_jobs(2);
    auto loader = data::make_data_loader(Squares(11), options);
    for (int epoch = 0; epoch < 2; ++epoch) {
      for (const auto& batch : *loader) print("squares", batch);
    }
  }
  int64_t total = 0;
  auto unordered = data::make_data_loader<data::samplers::SequentialSampler>(
      Squares(50), data::DataLoaderOptions(4).workers(2).enforce_ordering(false));
  for (const auto& batch : *unordered) {
    for (const int64_t value : batch) total += value;
  }
  std::cout << total << '\n';
  auto mapped =
      Squares(6)
          .map(data::transforms::Lambda<int64_t, std::string>([](int64_t x) { return "<" + std::to_string(x) + ">"; }))
          .map(data::transforms::Collate<std::string>([](std::vector<std::string> parts) {
            std::string all;
            for (const auto& part : parts) all += part;
            return all;
          }));
  const auto texts = data::make_data_loader<data::samplers::SequentialSampler>(mapped, 4);
  for (const std::string& batch : *texts) std::cout << batch << '\n';
  const auto countdown = data::make_data_loader(Countdown(), 4);
  for (const auto& batch : *countdown) print("countdown", batch);
  const auto stream = data::make_data_loader(Stream(), data::samplers::StreamSampler(7), 3);
  for (const auto& batch : *stream) print("stream", batch);

  auto failing =
      data::make_data_loader<data::samplers::SequentialSampler>(Squares(9, 5), data::DataLoaderOptions(2).workers(2));
  try {
    for (const auto& batch : *failing) print("before", batch);
  } catch (const data::WorkerException& error) {
    std::cout << error.what() << '\n';
  }
}
