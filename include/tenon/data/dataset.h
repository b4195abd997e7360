// What datasets derive from, and datasets made of others. A dataset names its own class first, so that map() can copy
// it:  struct Squares : data::datasets::Dataset<Squares> { ... };
#pragma once

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "tenon/data/example.h"

namespace tenon {
namespace serialize {
class OutputArchive;
class InputArchive;
}  // namespace serialize

namespace data::datasets {

template <class Source, class Transform>
class MapDataset;

namespace detail {
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

// What a transform makes of a batch of Source: nothing, where a stateful source has no more.
template <class Source, class Transform>
using MappedBatch = std::conditional_t<Source::is_stateful, std::optional<typename Transform::OutputBatchType>,
                                       typename Transform::OutputBatchType>;
template <class Batch>
struct BatchOf {
  using type = Batch;
};
template <class Batch>
struct BatchOf<std::optional<Batch>> {
  using type = Batch;
};
}  // namespace detail

// Gives whole batches. A stateful dataset gives optional batches, none at its end.
template <class Self, class Batch = std::vector<Example<>>, class BatchRequest = ArrayRef<size_t>>
class BatchDataset {
 public:
  using SelfType = Self;
  using BatchType = Batch;
  using BatchRequestType = BatchRequest;
  static constexpr bool is_stateful = detail::is_optional<Batch>;

  virtual ~BatchDataset() = default;

  virtual Batch get_batch(BatchRequest request) = 0;
  // None where it is not known.
  virtual std::optional<size_t> size() const = 0;

  // This dataset with `transform` applied to each batch.
  template <class Transform>
  MapDataset<Self, Transform> map(Transform transform) & {
    return {static_cast<Self&>(*this), std::move(transform)};
  }
  template <class Transform>
  MapDataset<Self, Transform> map(Transform transform) && {
    return {std::move(static_cast<Self&>(*this)), std::move(transform)};
  }
};

// Gives examples by their index.
template <class Self, class SingleExample = Example<>>
class Dataset : public BatchDataset<Self, std::vector<SingleExample>> {
 public:
  using ExampleType = SingleExample;

  virtual ExampleType get(size_t index) = 0;

  std::vector<ExampleType> get_batch(ArrayRef<size_t> indices) override {
    std::vector<ExampleType> batch;
    batch.reserve(indices.size());
    for (size_t index : indices) batch.push_back(get(index));
    return batch;
  }
};

// Is asked for a number of examples, whichever they are.
template <class Self, class Batch = std::vector<Example<>>>
using StreamDataset = BatchDataset<Self, Batch, size_t>;

// A dataset that remembers where it is: all workers of a loader share it, so that its get_batch() must allow that.
template <class Self, class Batch = std::vector<Example<>>, class BatchRequest = size_t>
class StatefulDataset : public BatchDataset<Self, std::optional<Batch>, BatchRequest> {
 public:
  // Called when an epoch begins.
  virtual void reset() = 0;
  virtual void save(serialize::OutputArchive& archive) const = 0;
  virtual void load(serialize::InputArchive& archive) = 0;
};

template <class Source, class AppliedTransform>
class MapDataset
    : public BatchDataset<MapDataset<Source, AppliedTransform>, detail::MappedBatch<Source, AppliedTransform>,
                          typename Source::BatchRequestType> {
 public:
  using DatasetType = Source;
  using TransformType = AppliedTransform;
  using BatchRequestType = typename Source::BatchRequestType;
  using OutputBatchType = detail::MappedBatch<Source, AppliedTransform>;
  static_assert(std::is_same_v<typename detail::BatchOf<typename Source::BatchType>::type,
                               typename AppliedTransform::InputBatchType>,
                "the transform takes batches of another type than the dataset gives");

  MapDataset(Source dataset, AppliedTransform transform)
      : dataset_(std::move(dataset)), transform_(std::move(transform)) {}

  OutputBatchType get_batch(BatchRequestType request) override {
    if constexpr (Source::is_stateful) {
      if (auto batch = dataset_.get_batch(std::move(request))) return transform_.apply_batch(std::move(*batch));
      return std::nullopt;
    } else {
      return transform_.apply_batch(dataset_.get_batch(std::move(request)));
    }
  }
  std::optional<size_t> size() const noexcept override { return dataset_.size(); }
  void reset() { dataset_.reset(); }

  const Source& dataset() noexcept { return dataset_; }
  const AppliedTransform& transform() noexcept { return transform_; }

 private:
  Source dataset_;
  AppliedTransform transform_;
};

template <class Source, class Transform>
MapDataset<Source, Transform> map(Source dataset, Transform transform) {
  return {std::move(dataset), std::move(transform)};
}

// One dataset that all workers of a loader use, where each would have a copy of its own.
template <class Shared>
class SharedBatchDataset
    : public BatchDataset<SharedBatchDataset<Shared>, typename Shared::BatchType, typename Shared::BatchRequestType> {
 public:
  using BatchType = typename Shared::BatchType;
  using BatchRequestType = typename Shared::BatchRequestType;

  SharedBatchDataset(std::shared_ptr<Shared> dataset) : dataset_(std::move(dataset)) {}

  BatchType get_batch(BatchRequestType request) override { return dataset_->get_batch(std::move(request)); }
  std::optional<size_t> size() const override { return dataset_->size(); }
  void reset() { dataset_->reset(); }

  Shared& operator*() { return *dataset_; }
  const Shared& operator*() const { return *dataset_; }
  Shared* operator->() { return dataset_.get(); }
  const Shared* operator->() const { return dataset_.get(); }

 private:
  std::shared_ptr<Shared> dataset_;
};

template <class Shared, class... Args>
SharedBatchDataset<Shared> make_shared_dataset(Args&&... args) {
  return std::make_shared<Shared>(std::forward<Args>(args)...);
}

}  // namespace data::datasets

namespace data {
using datasets::BatchDataset;
using datasets::Dataset;
}  // namespace data
}  // namespace tenon
