// Datasets made of a tensor, and those that files hold.
#include "tenon/data/datasets.h"

#include "io/source.h"
#include "tenon/io/error.h"
#include "tenon/ops/ops.h"

namespace tenon::data::datasets {

namespace {

// A file of bytes in MNIST's format: a magic number that tells the count of dims, these dims, and the bytes.
Tensor read_idx(const std::string& path, int64_t dims) {
  const auto source = io::open_file(path, false);
  const auto header_bytes = static_cast<uint64_t>(4 + 4 * dims);
  std::vector<uint8_t> header(header_bytes);
  TENON_CHECK_FILE(source->size() >= header_bytes, "MNIST: ", path, " has ", source->size(),
                   " bytes, which are fewer than its header has");
  source->read(0, header_bytes, header.data());
  const auto number = [&](int64_t i) {
    const uint8_t* p = header.data() + 4 * i;
    return int64_t{p[0]} << 24 | int64_t{p[1]} << 16 | int64_t{p[2]} << 8 | int64_t{p[3]};
  };
  const int64_t magic = 0x800 + dims;
  TENON_CHECK_FILE(number(0) == magic, "MNIST: ", path, " begins with ", number(0), ", not with ", magic,
                   ", which files of bytes with ", dims, " dims begin with");
  // As many bytes as the file has leave no room for an overflow.
  std::vector<int64_t> sizes;
  const uint64_t present = source->size() - header_bytes;
  uint64_t expected = 1;
  for (int64_t i = 1; i <= dims; ++i) {
    sizes.push_back(number(i));
    TENON_CHECK_FILE(number(i) > 0 && expected <= present / static_cast<uint64_t>(number(i)), "MNIST: ", path,
                     " names sizes ", IntArrayRef(sizes), " but holds ", present, " bytes");
    expected *= static_cast<uint64_t>(number(i));
  }
  TENON_CHECK_FILE(expected == present, "MNIST: ", path, " names sizes ", IntArrayRef(sizes), " but holds ", present,
                   " bytes");
  const Tensor bytes = empty(sizes, kByte);
  source->read(header_bytes, present, bytes.data_ptr());
  return bytes;
}

}  // namespace

TensorDataset::TensorDataset(const std::vector<Tensor>& tensors) : TensorDataset(stack(tensors)) {}

TensorExample TensorDataset::get(size_t index) { return tensor[static_cast<int64_t>(index)]; }

std::optional<size_t> TensorDataset::size() const { return static_cast<size_t>(tensor.size(0)); }

MNIST::MNIST(const std::string& root, Mode mode) : mode_(mode) {
  const std::string prefix = root + (is_train() ? "/train" : "/t10k");
  images_ = read_idx(prefix + "-images-idx3-ubyte", 3).unsqueeze(1).to(kFloat).div_(255);
  targets_ = read_idx(prefix + "-labels-idx1-ubyte", 1).to(kLong);
  TENON_CHECK_FILE(images_.size(0) == targets_.size(0), "MNIST: ", root, " has ", images_.size(0), " images and ",
                   targets_.size(0), " labels");
}

Example<> MNIST::get(size_t index) {
  const auto i = static_cast<int64_t>(index);
  return {images_[i], targets_[i]};
}

std::optional<size_t> MNIST::size() const { return static_cast<size_t>(images_.size(0)); }

}  // namespace tenon::data::datasets
