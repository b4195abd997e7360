// Trains a convolutional network to read digits: those of MNIST where a folder with its files is named, made up ones
// elsewhere. Writes digits.svg, the losses, and digits.pt, the network. examples/python/digits.py trains the same one.
#include <tenon/tenon.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "showing.h"

namespace nn = tenon::nn;
using tenon::Tensor;
using tenon::indexing::Slice;

struct Digits {
  Tensor images;  // [n, 1, 28, 28]
  Tensor labels;  // [n]
  int64_t size() const { return labels.size(0); }
};

// Digits as a pocket calculator shows them, somewhere in a noisy picture.
Digits make_digits(int64_t n) {
  // Which of its seven segments a digit lights: top, middle, bottom, then the upper two and the lower two, left and
  // right.
  const char* const segments[] = {"1011111", "0000101", "1110110", "1110101", "0101101",
                                  "1111001", "1111011", "1000101", "1111111", "1111101"};
  const int64_t places[][4] = {{0, 1, 1, 7}, {6, 7, 1, 7},  {12, 13, 1, 7}, {1, 6, 0, 1},
                               {1, 6, 7, 8}, {7, 12, 0, 1}, {7, 12, 7, 8}};
  const Tensor glyphs = tenon::zeros({10, 13, 8});
  for (int64_t digit = 0; digit < 10; ++digit)
    for (size_t i = 0; i < 7; ++i)
      if (const auto& [top, bottom, left, right] = places[i]; segments[digit][i] == '1')
        glyphs.index_put_({digit, Slice(top, bottom), Slice(left, right)}, 1);

  const Tensor labels = tenon::randint(0, 10, {n}, tenon::kLong);
  const Tensor corners = tenon::randint(7, 11, {n, 2}, tenon::kLong);
  const Tensor images = 0.2 * tenon::randn({n, 1, 28, 28});
  for (int64_t i = 0; i < n; ++i) {
    const int64_t y = corners[i][0].item<int64_t>(), x = corners[i][1].item<int64_t>();
    images.index({i, 0, Slice(y, y + 13), Slice(x, x + 8)}) += glyphs[labels[i].item<int64_t>()];
  }
  return {images, labels};
}

// The bytes of a file of MNIST after its header, of which `skipped` bytes tell the sizes.
Tensor read_bytes(const std::string& path, size_t skipped, tenon::IntArrayRef sizes) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.size() <= skipped) throw std::runtime_error("cannot read " + path);
  const auto count = static_cast<int64_t>(bytes.size() - skipped);
  const Tensor all = tenon::from_blob(bytes.data() + skipped, {count}, tenon::kByte);
  return all.clone().reshape(sizes);
}

Digits read_digits(const std::string& folder, const std::string& part) {
  const Tensor images = read_bytes(folder + "/" + part + "-images-idx3-ubyte", 16, {-1, 1, 28, 28});
  const Tensor labels = read_bytes(folder + "/" + part + "-labels-idx1-ubyte", 8, {-1});
  return {(images.to(tenon::kFloat) / 255 - 0.1307) / 0.3081, labels.to(tenon::kLong)};
}

nn::Sequential make_network() {
  return nn::Sequential(nn::Conv2d(nn::Conv2dOptions(1, 8, 3).padding(1)), nn::ReLU(), nn::MaxPool2d(2),
                        nn::Conv2d(nn::Conv2dOptions(8, 16, 3).padding(1)), nn::BatchNorm2d(16), nn::ReLU(),
                        nn::MaxPool2d(2), nn::Flatten(), nn::Dropout(0.2), nn::Linear(16 * 7 * 7, 10));
}

double accuracy(nn::Sequential& network, const Digits& digits) {
  tenon::NoGradGuard no_grad;
  network->eval();
  int64_t right = 0;
  for (int64_t i = 0; i < digits.size(); i += 500) {
    const Slice some(i, std::min(i + 500, digits.size()));
    const Tensor read = network->forward(digits.images.index({some})).argmax(1);
    right += (read == digits.labels.index({some})).sum().item<int64_t>();
  }
  network->train();
  return static_cast<double>(right) / static_cast<double>(digits.size());
}

int main(int argc, char** argv) {
  tenon::manual_seed(1);
  const bool real = argc > 1;
  const Digits training = real ? read_digits(argv[1], "train") : make_digits(2000);
  const Digits unseen = real ? read_digits(argv[1], "t10k") : make_digits(500);
  nn::Sequential network = make_network();
  tenon::optim::Adam optimizer(network->parameters(), tenon::optim::AdamOptions(4e-3));
  tenon::optim::StepLR schedule(optimizer, 1, 0.7);

  const int epochs = 3;
  const int64_t batch = 50, batches = training.size() / batch;
  std::vector<double> losses;
  double reached = 0;
  for (int epoch = 1; epoch <= epochs; ++epoch) {
    Progress progress("epoch " + std::to_string(epoch), batches);
    double sum = 0;
    for (const Tensor& chosen : tenon::randperm(training.size()).split(batch)) {
      const Tensor scores = network->forward(training.images.index_select(0, chosen));
      const Tensor loss = nn::functional::cross_entropy(scores, training.labels.index_select(0, chosen));
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
      losses.push_back(loss.item<double>());
      sum += losses.back();
      progress.step();
    }
    schedule.step();
    reached = accuracy(network, unseen);
    std::printf("epoch %d of %d   loss %.4f   accuracy on unseen digits %.1f %%\n", epoch, epochs,
                sum / static_cast<double>(batches), 100 * reached);
  }
  save_curves("digits.svg", "Reading digits", {{"loss", losses}});
  tenon::save(network, "digits.pt");
  return reached > 0.9 ? EXIT_SUCCESS : EXIT_FAILURE;
}
