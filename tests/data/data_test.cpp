// Datasets from files, samplers and loaders where they are used wrongly or interrupted.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "tenon/tenon.h"

namespace tenon::data {
namespace {

using namespace std::chrono_literals;

struct Numbers : datasets::Dataset<Numbers, int64_t> {
  explicit Numbers(std::chrono::milliseconds pause = 0ms) : pause(pause) {}
  int64_t get(size_t index) override {
    std::this_thread::sleep_for(pause);
    return static_cast<int64_t>(index);
  }
  std::optional<size_t> size() const override { return 10; }

  std::chrono::milliseconds pause;
};

template <class Sampler = samplers::SequentialSampler, class Options>
auto loader_of(Numbers numbers, const Options& options) {
  return make_data_loader<Sampler>(std::move(numbers), options);
}

class MnistFiles : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = std::filesystem::temp_directory_path() / "tenon-mnist-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, const std::string& bytes) {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
  }
  // A file of dims below 256.
  void write(const std::string& name, const std::vector<int>& sizes, size_t bytes) {
    std::string text{0, 0, 8, static_cast<char>(sizes.size())};
    for (int size : sizes) text += std::string{0, 0, 0, static_cast<char>(size)};
    write(name, text + std::string(bytes, '\x33'));
  }

  std::filesystem::path folder_;
};

TEST_F(MnistFiles, AreReadAsImagesAndTargets) {
  write("train-images-idx3-ubyte", {2, 3, 4}, 24);
  write("train-labels-idx1-ubyte", {2}, 2);
  datasets::MNIST mnist(folder_);
  EXPECT_TRUE(mnist.is_train());
  EXPECT_EQ(mnist.size(), 2u);
  EXPECT_EQ(mnist.get(1).data.sizes(), (IntArrayRef{1, 3, 4}));
  EXPECT_FLOAT_EQ(mnist.get(1).data[0][0][0].item<float>(), 0.2f);
  EXPECT_EQ(mnist.get(0).target.item<int64_t>(), 0x33);
  EXPECT_THROW(datasets::MNIST(folder_, datasets::MNIST::Mode::kTest), io::FileError);
}

TEST_F(MnistFiles, ThatAreDamagedAreRefused) {
  write("train-labels-idx1-ubyte", {2}, 2);
  const auto refuse = [&] { EXPECT_THROW(datasets::MNIST{folder_.string()}, io::FileError); };
  write("train-images-idx3-ubyte", {2, 3, 4}, 23);
  refuse();
  write("train-images-idx3-ubyte", {2, 3, 4}, 25);
  refuse();
  write("train-images-idx3-ubyte", {3, 3, 4}, 36);
  refuse();
  write("train-images-idx3-ubyte", {2, 12}, 24);
  refuse();
  write("train-images-idx3-ubyte", std::string("\0\0\x08\x03", 4) + std::string(12, '\xff') + "few");
  refuse();
  write("train-images-idx3-ubyte", "short");
  refuse();
}

TEST(Loader, GivesEveryExampleOnceWithAnyNumberOfWorkers) {
  for (size_t workers : {0, 1, 4}) {
    const auto options = DataLoaderOptions(3).workers(workers).max_jobs(2);
    const auto loader = loader_of<samplers::RandomSampler>(Numbers(), options);
    for (int epoch = 0; epoch < 2; ++epoch) {
      int64_t sum = 0, count = 0;
      for (const auto& batch : *loader) {
        for (int64_t value : batch) sum += value;
        count += static_cast<int64_t>(batch.size());
      }
      EXPECT_EQ(sum, 45);
      EXPECT_EQ(count, 10);
    }
  }
}

TEST(Loader, ThatWaitsTooLongSaysSo) {
  const auto loader = loader_of(Numbers(200ms), DataLoaderOptions(1).workers(1).timeout(1ms));
  EXPECT_THROW(loader->begin() != loader->end(), TensorError);
}

TEST(Loader, BeginsNoEpochWithinAnother) {
  const auto loader = loader_of(Numbers(), DataLoaderOptions(1).workers(2));
  auto batch = loader->begin();
  EXPECT_EQ(batch->at(0), 0);
  EXPECT_THROW(loader->begin(), TensorError);
  EXPECT_THROW(*loader->end(), TensorError);
}

TEST(Loader, ThatWasJoinedGivesNoMoreBatches) {
  const auto loader = loader_of(Numbers(), DataLoaderOptions(1).workers(1).max_jobs(2));
  auto batch = loader->begin();
  EXPECT_EQ(batch->at(0), 0);
  loader->join();
  EXPECT_THROW(++batch, TensorError);
}

TEST(Loader, ThatIsLeftEarlyEndsItsWorkers) {
  const auto started = std::chrono::steady_clock::now();
  { loader_of(Numbers(20ms), DataLoaderOptions(1).workers(2).max_jobs(10))->begin(); }
  EXPECT_LT(std::chrono::steady_clock::now() - started, 10s);
}

TEST(Loader, TellsWhatAWorkerThrew) {
  struct Failing : Numbers {
    int64_t get(size_t) override { throw std::runtime_error("nothing here"); }
  };
  auto dataset = datasets::make_shared_dataset<Failing>();
  const auto loader = make_data_loader<samplers::SequentialSampler>(dataset, DataLoaderOptions(2).workers(1));
  try {
    *loader->begin();
    FAIL() << "no error";
  } catch (const WorkerException& error) {
    EXPECT_NE(std::string(error.what()).find("nothing here"), std::string::npos);
  }
}

TEST(Loader, GoesOnAfterAFirstBatchThatFailed) {
  struct FailingOnce : Numbers {
    int64_t get(size_t index) override {
      if (index == 0) throw std::runtime_error("nothing here");
      return Numbers::get(index);
    }
  };
  auto dataset = datasets::make_shared_dataset<FailingOnce>();
  const auto loader = make_data_loader<samplers::SequentialSampler>(dataset, DataLoaderOptions(2).workers(1));
  auto batch = loader->begin();
  EXPECT_THROW(*batch, WorkerException);
  ASSERT_NE(batch, loader->end());
  EXPECT_EQ(batch->at(0), 2);
}

// `sampler` after it loaded what `write` saves.
template <class Write>
void load_what(samplers::Sampler<>& sampler, const Write& write) {
  serialize::OutputArchive output;
  write(output);
  std::string bytes;
  output.save_to([&](const void* data, size_t size) {
    bytes.append(static_cast<const char*>(data), size);
    return size;
  });
  serialize::InputArchive input;
  input.load_from(bytes.data(), bytes.size());
  sampler.load(input);
}

TEST(Sampler, RefusesAPositionBehindItsEnd) {
  samplers::SequentialSampler longer(20), shorter(5);
  longer.next(10);
  EXPECT_THROW(load_what(shorter, [&](auto& archive) { longer.save(archive); }), ValueError);
  EXPECT_EQ(shorter.index(), 0u);
}

TEST(Sampler, RefusesIndicesOfNoExample) {
  samplers::RandomSampler sampler(3);
  const auto load = [&](const Tensor& indices) {
    load_what(sampler, [&](auto& archive) {
      archive.write("index", zeros({}, kLong), true);
      archive.write("indices", indices, true);
    });
  };
  EXPECT_THROW(load(tensor({0, 1, 3})), ValueError);
  EXPECT_THROW(load(tensor({0, -1, 2})), ValueError);
  EXPECT_THROW(load(zeros({3})), ValueError);
  EXPECT_THROW(load(zeros({3, 1}, kLong)), ValueError);
  load(tensor({2, 0, 1}));
  EXPECT_EQ(sampler.next(3), (std::vector<size_t>{2, 0, 1}));
}

TEST(Sampler, OfAShareNeedsARankBelowTheCount) {
  EXPECT_THROW(samplers::DistributedRandomSampler(10, 2, 2), ValueError);
}

}  // namespace
}  // namespace tenon::data
