// Samplers: which examples make up the next batch. The random ones draw as libtorch's do, from the same seed the same.
#pragma once

#include <optional>
#include <vector>

#include "tenon/tensor/tensor.h"

namespace tenon {
namespace serialize {
class OutputArchive;
class InputArchive;
}  // namespace serialize

namespace data::samplers {

template <class BatchRequest = std::vector<size_t>>
class Sampler {
 public:
  using BatchRequestType = BatchRequest;

  virtual ~Sampler() = default;

  // Begins an epoch, of another size where one is given.
  virtual void reset(std::optional<size_t> new_size = std::nullopt) = 0;
  // At most batch_size examples; none at the end of the epoch.
  virtual std::optional<BatchRequest> next(size_t batch_size) = 0;
  // Where the epoch is.
  virtual void save(serialize::OutputArchive& archive) const = 0;
  virtual void load(serialize::InputArchive& archive) = 0;
};

class TENON_API RandomSampler : public Sampler<> {
 public:
  explicit RandomSampler(int64_t size, ScalarType index_dtype = kLong);

  void reset(std::optional<size_t> new_size = std::nullopt) override;
  std::optional<std::vector<size_t>> next(size_t batch_size) override;
  void save(serialize::OutputArchive& archive) const override;
  void load(serialize::InputArchive& archive) override;
  size_t index() const noexcept { return static_cast<size_t>(index_); }

 private:
  Tensor indices_;
  int64_t index_ = 0;
};

class TENON_API SequentialSampler : public Sampler<> {
 public:
  explicit SequentialSampler(size_t size) : size_(size) {}

  void reset(std::optional<size_t> new_size = std::nullopt) override;
  std::optional<std::vector<size_t>> next(size_t batch_size) override;
  void save(serialize::OutputArchive& archive) const override;
  void load(serialize::InputArchive& archive) override;
  size_t index() const noexcept { return index_; }

 private:
  size_t size_;
  size_t index_ = 0;
};

// A request that says how many examples it asks for.
struct TENON_API CustomBatchRequest {
  virtual ~CustomBatchRequest() = default;
  virtual size_t size() const = 0;
};

struct TENON_API BatchSize : public CustomBatchRequest {
  explicit BatchSize(size_t size) : size_(size) {}
  size_t size() const noexcept override { return size_; }
  operator size_t() const noexcept { return size_; }

  size_t size_;
};

// Asks for numbers of examples, until an epoch's count is reached.
class TENON_API StreamSampler : public Sampler<BatchSize> {
 public:
  explicit StreamSampler(size_t epoch_size) : epoch_size_(epoch_size) {}

  void reset(std::optional<size_t> new_size = std::nullopt) override;
  std::optional<BatchSize> next(size_t batch_size) override;
  void save(serialize::OutputArchive& archive) const override;
  void load(serialize::InputArchive& archive) override;

 private:
  size_t examples_retrieved_so_far_ = 0;
  size_t epoch_size_;
};

// The share of one of num_replicas processes. So that all have the same number of examples, some are repeated or, where
// duplicates are not allowed, left out.
template <class BatchRequest = std::vector<size_t>>
class DistributedSampler : public Sampler<BatchRequest> {
 public:
  DistributedSampler(size_t size, size_t num_replicas = 1, size_t rank = 0, bool allow_duplicates = true)
      : size_(size), num_replicas_(num_replicas), rank_(rank), allow_duplicates_(allow_duplicates) {
    TENON_CHECK_VALUE(rank < num_replicas, "DistributedSampler: rank must be below num_replicas, got ", rank, " of ",
                      num_replicas);
  }

  // The seed of the next epoch's order.
  void set_epoch(size_t epoch) { epoch_ = epoch; }
  size_t epoch() const { return epoch_; }

 protected:
  size_t local_sample_count() const { return (size_ + (allow_duplicates_ ? num_replicas_ - 1 : 0)) / num_replicas_; }

  size_t size_;
  size_t num_replicas_;
  size_t rank_;
  size_t epoch_ = 0;
  bool allow_duplicates_;
};

// What both kinds have in common: a position in a list of indices.
class TENON_API DistributedIndexSampler : public DistributedSampler<> {
 public:
  using DistributedSampler::DistributedSampler;

  std::optional<std::vector<size_t>> next(size_t batch_size) override;
  void save(serialize::OutputArchive& archive) const override;
  void load(serialize::InputArchive& archive) override;
  size_t index() const noexcept { return sample_index_; }

 protected:
  // Lists the indices of all processes in order, and goes to this one's first.
  void list_indices(std::optional<size_t> new_size);

  std::vector<size_t> all_indices_;

 private:
  size_t end_index_ = 0;
  size_t sample_index_ = 0;
};

class TENON_API DistributedRandomSampler : public DistributedIndexSampler {
 public:
  DistributedRandomSampler(size_t size, size_t num_replicas = 1, size_t rank = 0, bool allow_duplicates = true);

  void reset(std::optional<size_t> new_size = std::nullopt) override;
  void load(serialize::InputArchive& archive) override;
};

class TENON_API DistributedSequentialSampler : public DistributedIndexSampler {
 public:
  DistributedSequentialSampler(size_t size, size_t num_replicas = 1, size_t rank = 0, bool allow_duplicates = true);

  void reset(std::optional<size_t> new_size = std::nullopt) override;
};

}  // namespace data::samplers
}  // namespace tenon
