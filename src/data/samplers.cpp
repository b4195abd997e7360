// The samplers. Their states have libtorch's names.
#include "tenon/data/samplers.h"

#include <numeric>
#include <random>

#include "tenon/io/serialize.h"
#include "tenon/ops/ops.h"

namespace tenon::data::samplers {

namespace {

void write_count(serialize::OutputArchive& archive, const std::string& key, size_t count) {
  archive.write(key, full({}, static_cast<int64_t>(count), kLong), true);
}

// A position; it is at most `limit`.
size_t read_count(serialize::InputArchive& archive, const std::string& key, size_t limit) {
  Tensor tensor = empty({}, kLong);
  archive.read(key, tensor, true);
  const auto count = tensor.item<int64_t>();
  TENON_CHECK_VALUE(count >= 0 && static_cast<uint64_t>(count) <= limit, "a sampler's ", key, " must be from 0 to ",
                    limit, ", but the archive has ", count);
  return static_cast<size_t>(count);
}

// The numbers from `begin`, as many as an epoch of `size` has left.
std::optional<std::vector<size_t>> next_range(size_t begin, size_t size, size_t batch_size) {
  if (begin >= size) return std::nullopt;
  std::vector<size_t> batch(std::min(batch_size, size - begin));
  std::iota(batch.begin(), batch.end(), begin);
  return batch;
}

}  // namespace

RandomSampler::RandomSampler(int64_t size, ScalarType index_dtype) : indices_(randperm(size, index_dtype)) {}

void RandomSampler::reset(std::optional<size_t> new_size) {
  const int64_t size = new_size ? static_cast<int64_t>(*new_size) : indices_.numel();
  indices_ = randperm(size, indices_.dtype());
  index_ = 0;
}

std::optional<std::vector<size_t>> RandomSampler::next(size_t batch_size) {
  const auto positions = next_range(index(), static_cast<size_t>(indices_.numel()), batch_size);
  if (!positions) return std::nullopt;
  const auto count = static_cast<int64_t>(positions->size());
  const Tensor chosen = indices_.slice(0, index_, index_ + count).to(kLong);
  index_ += count;
  const auto* values = chosen.data_ptr<int64_t>();
  return std::vector<size_t>(values, values + count);
}

void RandomSampler::save(serialize::OutputArchive& archive) const {
  write_count(archive, "index", index());
  archive.write("indices", indices_, true);
}

void RandomSampler::load(serialize::InputArchive& archive) {
  Tensor indices;
  archive.read("indices", indices, true);
  TENON_CHECK_VALUE(indices.dim() == 1 && is_integral(indices.dtype(), false),
                    "a sampler's indices must be a row of integers, but the archive has ", indices.dtype(),
                    " of shape ", indices.sizes());
  const int64_t count = indices.numel();
  TENON_CHECK_VALUE(count == 0 || (indices.min().item<int64_t>() >= 0 && indices.max().item<int64_t>() < count),
                    "a sampler's ", count, " indices must be from 0 to ", count - 1, "; the archive has others");
  index_ = static_cast<int64_t>(read_count(archive, "index", static_cast<size_t>(indices.numel())));
  indices_ = indices;
}

void SequentialSampler::reset(std::optional<size_t> new_size) {
  size_ = new_size.value_or(size_);
  index_ = 0;
}

std::optional<std::vector<size_t>> SequentialSampler::next(size_t batch_size) {
  auto batch = next_range(index_, size_, batch_size);
  if (batch) index_ += batch->size();
  return batch;
}

void SequentialSampler::save(serialize::OutputArchive& archive) const { write_count(archive, "index", index_); }

void SequentialSampler::load(serialize::InputArchive& archive) { index_ = read_count(archive, "index", size_); }

void StreamSampler::reset(std::optional<size_t> new_size) {
  epoch_size_ = new_size.value_or(epoch_size_);
  examples_retrieved_so_far_ = 0;
}

std::optional<BatchSize> StreamSampler::next(size_t batch_size) {
  if (examples_retrieved_so_far_ >= epoch_size_) return std::nullopt;
  const size_t count = std::min(batch_size, epoch_size_ - examples_retrieved_so_far_);
  examples_retrieved_so_far_ += count;
  return BatchSize(count);
}

void StreamSampler::save(serialize::OutputArchive& archive) const {
  write_count(archive, "examples_retrieved_so_far", examples_retrieved_so_far_);
}

void StreamSampler::load(serialize::InputArchive& archive) {
  examples_retrieved_so_far_ = read_count(archive, "examples_retrieved_so_far", epoch_size_);
}

void DistributedIndexSampler::list_indices(std::optional<size_t> new_size) {
  size_ = new_size.value_or(size_);
  const size_t mine = local_sample_count();
  all_indices_.resize(num_replicas_ == 1 ? size_ : mine * num_replicas_);
  for (size_t i = 0; i < all_indices_.size(); ++i) all_indices_[i] = i % size_;
  sample_index_ = rank_ * mine;
  end_index_ = sample_index_ + mine;
}

std::optional<std::vector<size_t>> DistributedIndexSampler::next(size_t batch_size) {
  auto batch = next_range(sample_index_, end_index_, batch_size);
  if (!batch) return std::nullopt;
  sample_index_ += batch->size();
  for (size_t& index : *batch) index = all_indices_[index];
  return batch;
}

void DistributedIndexSampler::save(serialize::OutputArchive& archive) const {
  write_count(archive, "sample_index_", sample_index_);
  write_count(archive, "epoch_", epoch_);
}

void DistributedIndexSampler::load(serialize::InputArchive& archive) {
  epoch_ = read_count(archive, "epoch_", SIZE_MAX);
  sample_index_ = read_count(archive, "sample_index_", end_index_);
}

DistributedRandomSampler::DistributedRandomSampler(size_t size, size_t num_replicas, size_t rank, bool allow_duplicates)
    : DistributedIndexSampler(size, num_replicas, rank, allow_duplicates) {
  reset();
}

void DistributedRandomSampler::reset(std::optional<size_t> new_size) {
  list_indices(new_size);
  std::mt19937 random(static_cast<std::mt19937::result_type>(epoch_));
  std::shuffle(all_indices_.begin(), all_indices_.end(), random);
}

void DistributedRandomSampler::load(serialize::InputArchive& archive) {
  epoch_ = read_count(archive, "epoch_", SIZE_MAX);
  reset();
  DistributedIndexSampler::load(archive);
}

DistributedSequentialSampler::DistributedSequentialSampler(size_t size, size_t num_replicas, size_t rank,
                                                           bool allow_duplicates)
    : DistributedIndexSampler(size, num_replicas, rank, allow_duplicates) {
  reset();
}

void DistributedSequentialSampler::reset(std::optional<size_t> new_size) { list_indices(new_size); }

}  // namespace tenon::data::samplers
