// make_data_loader(): batches of a dataset, one after the other, computed by threads of the loader's own if it has
// workers, ahead of their use.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tenon/data/dataset.h"
#include "tenon/data/samplers.h"
#include "tenon/nn/arg.h"

namespace tenon::data {

struct DataLoaderOptions {
  DataLoaderOptions() = default;
  DataLoaderOptions(size_t batch_size) : batch_size_(batch_size) {}
  TENON_ARG(size_t, batch_size) = 1;
  // Without workers the thread that asks for a batch computes it.
  TENON_ARG(size_t, workers) = 0;
  // How many batches are asked of the workers ahead; two for each of them where it is not given.
  TENON_ARG(optional<size_t>, max_jobs);
  // How long to wait for a batch of the workers.
  TENON_ARG(optional<std::chrono::milliseconds>, timeout);
  // Whether batches come in the sampler's order, however long each takes.
  TENON_ARG(bool, enforce_ordering) = true;
  TENON_ARG(bool, drop_last) = false;
};

// The options with their defaults filled in.
struct FullDataLoaderOptions {
  explicit FullDataLoaderOptions(const DataLoaderOptions& options)
      : batch_size(options.batch_size()),
        workers(options.workers()),
        max_jobs(workers == 0 ? 0 : std::max<size_t>(options.max_jobs().value_or(2 * workers), 1)),
        timeout(options.timeout()),
        enforce_ordering(options.enforce_ordering()),
        drop_last(options.drop_last()) {}

  size_t batch_size, workers, max_jobs;
  optional<std::chrono::milliseconds> timeout;
  bool enforce_ordering, drop_last;
};

// What a worker threw, told to whoever waits for its batch.
struct TENON_API WorkerException : public std::exception {
  explicit WorkerException(std::exception_ptr original);
  const char* what() const noexcept override { return message.c_str(); }

  std::exception_ptr original_exception;
  std::string message;
};

namespace detail {
[[noreturn]] TENON_API void fail_joined();
[[noreturn]] TENON_API void fail_past_end();
[[noreturn]] TENON_API void fail_timeout(std::chrono::milliseconds timeout);
[[noreturn]] TENON_API void fail_unfinished_iterator();
[[noreturn]] TENON_API void fail_unsized_dataset();
}  // namespace detail

// Goes through the batches of an epoch once. The first batch is asked for when it is first needed.
template <class Batch>
class Iterator {
 public:
  using difference_type = std::ptrdiff_t;
  using value_type = Batch;
  using pointer = Batch*;
  using reference = Batch&;
  using iterator_category = std::input_iterator_tag;
  using NextBatch = std::function<std::optional<Batch>()>;

  // The end.
  Iterator() = default;
  explicit Iterator(NextBatch next_batch) : state_(std::make_shared<State>(State{std::move(next_batch), {}, false})) {}

  Iterator& operator++() {
    current();
    state_->batch = state_->next_batch();
    return *this;
  }
  Batch& operator*() const { return current(); }
  Batch* operator->() const { return &current(); }
  friend bool operator==(const Iterator& a, const Iterator& b) {
    return a.state_ == b.state_ || (a.at_end() && b.at_end());
  }

 private:
  struct State {
    NextBatch next_batch;
    std::optional<Batch> batch;
    bool started;
  };
  bool at_end() const {
    if (!state_) return true;
    if (!state_->started) {
      state_->batch = state_->next_batch();
      state_->started = true;
    }
    return !state_->batch;
  }
  Batch& current() const {
    if (at_end()) detail::fail_past_end();
    return *state_->batch;
  }

  std::shared_ptr<State> state_;
};

// What loaders of both kinds of datasets share: requests that go to the workers, and batches that come back.
template <class Dataset, class Batch, class Request>
class DataLoaderBase {
 public:
  using BatchType = Batch;
  using BatchRequestType = Request;

  DataLoaderBase(const DataLoaderBase&) = delete;
  DataLoaderBase& operator=(const DataLoaderBase&) = delete;
  virtual ~DataLoaderBase() { join(); }

  // Begins an epoch; the one before must have been gone through.
  Iterator<Batch> begin() {
    if (issued_ != taken_) detail::fail_unfinished_iterator();
    reset();
    return Iterator<Batch>([this] { return next(); });
  }
  Iterator<Batch> end() { return {}; }

  // Lets the workers end, each with the batch that it is at. Nothing comes from them any more.
  void join() {
    {
      const std::lock_guard lock(mutex_);
      quitting_ = true;
      jobs_.clear();
    }
    changed_.notify_all();
    for (std::thread& worker : workers_) worker.join();
    workers_.clear();
  }

  const FullDataLoaderOptions& options() const noexcept { return options_; }

 protected:
  explicit DataLoaderBase(const DataLoaderOptions& options) : options_(options) {}

  virtual std::optional<Request> get_batch_request() = 0;
  virtual void reset() {
    issued_ = taken_ = 0;
    prefetch(options_.max_jobs);
  }

  // Runs workers, each on the dataset that `dataset_for_worker()` gives.
  template <class DatasetForWorker>
  void start_workers(const DatasetForWorker& dataset_for_worker) {
    for (size_t i = 0; i < options_.workers; ++i) {
      workers_.emplace_back([this, dataset = dataset_for_worker()] { work(*dataset); });
    }
  }

  const FullDataLoaderOptions options_;
  std::shared_ptr<Dataset> main_thread_dataset_;

 private:
  struct Result {
    std::optional<Batch> batch;  // none where the dataset is at its end
    std::exception_ptr exception;
  };

  void prefetch(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      std::optional<Request> request = get_batch_request();
      if (!request) return;
      {
        const std::lock_guard lock(mutex_);
        jobs_.emplace_back(issued_++, std::move(*request));
      }
      changed_.notify_all();
    }
  }

  std::optional<Batch> next() {
    if (options_.workers == 0) {
      std::optional<Request> request = get_batch_request();
      if (!request) return std::nullopt;
      return main_thread_dataset_->get_batch(std::move(*request));
    }
    while (issued_ != taken_) {
      Result result = wait_for_result();
      if (result.exception) throw WorkerException(result.exception);
      if (result.batch) {
        prefetch(1);
        return std::move(result.batch);
      }
    }
    return std::nullopt;
  }

  Result wait_for_result() {
    std::unique_lock lock(mutex_);
    const auto there = [this] {
      return quitting_ || (options_.enforce_ordering ? results_.contains(taken_) : !results_.empty());
    };
    if (!options_.timeout) {
      changed_.wait(lock, there);
    } else if (!changed_.wait_for(lock, *options_.timeout, there)) {
      detail::fail_timeout(*options_.timeout);
    }
    if (quitting_) detail::fail_joined();
    const auto first = options_.enforce_ordering ? results_.find(taken_) : results_.begin();
    Result result = std::move(first->second);
    results_.erase(first);
    ++taken_;
    return result;
  }

  void work(Dataset& dataset) {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return quitting_ || !jobs_.empty(); });
      if (quitting_) return;
      auto [number, request] = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      Result result;
      try {
        result.batch = dataset.get_batch(std::move(request));
      } catch (...) {
        result.exception = std::current_exception();
      }
      lock.lock();
      results_.emplace(number, std::move(result));
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<size_t, Request>> jobs_;
  std::map<size_t, Result> results_;
  size_t issued_ = 0;  // requests of this epoch
  size_t taken_ = 0;   // those whose batches were handed out
  bool quitting_ = false;
  std::vector<std::thread> workers_;
};

// Asks a sampler which examples make up a batch; each worker has a copy of the dataset.
template <class Dataset, class Sampler>
class StatelessDataLoader
    : public DataLoaderBase<Dataset, typename Dataset::BatchType, typename Sampler::BatchRequestType> {
  using Base = DataLoaderBase<Dataset, typename Dataset::BatchType, typename Sampler::BatchRequestType>;

 public:
  StatelessDataLoader(Dataset dataset, Sampler sampler, const DataLoaderOptions& options)
      : Base(options), sampler_(std::move(sampler)) {
    this->start_workers([&] { return std::make_shared<Dataset>(dataset); });
    this->main_thread_dataset_ = std::make_shared<Dataset>(std::move(dataset));
  }

 private:
  void reset() override {
    sampler_.reset();
    Base::reset();
  }
  std::optional<typename Base::BatchRequestType> get_batch_request() override {
    auto request = sampler_.next(this->options_.batch_size);
    if (request && request->size() < this->options_.batch_size && this->options_.drop_last) return std::nullopt;
    return request;
  }

  Sampler sampler_;
};

// Asks the dataset, which all workers share, for batches until it has no more.
template <class Dataset>
class StatefulDataLoader
    : public DataLoaderBase<Dataset, typename Dataset::BatchType::value_type, typename Dataset::BatchRequestType> {
  using Base = DataLoaderBase<Dataset, typename Dataset::BatchType::value_type, typename Dataset::BatchRequestType>;

 public:
  StatefulDataLoader(Dataset dataset, const DataLoaderOptions& options) : Base(options) {
    this->main_thread_dataset_ = std::make_shared<Dataset>(std::move(dataset));
    this->start_workers([&] { return this->main_thread_dataset_; });
  }

 private:
  void reset() override {
    this->main_thread_dataset_->reset();
    Base::reset();
  }
  std::optional<typename Base::BatchRequestType> get_batch_request() override { return this->options_.batch_size; }
};

template <class Dataset, class Sampler>
requires(!Dataset::is_stateful) std::unique_ptr<StatelessDataLoader<Dataset, Sampler>> make_data_loader(
    Dataset dataset, Sampler sampler, DataLoaderOptions options) {
  return std::make_unique<StatelessDataLoader<Dataset, Sampler>>(std::move(dataset), std::move(sampler), options);
}

template <class Sampler = samplers::RandomSampler, class Dataset>
requires(!Dataset::is_stateful && std::is_constructible_v<Sampler, size_t>)
    std::unique_ptr<StatelessDataLoader<Dataset, Sampler>> make_data_loader(Dataset dataset,
                                                                            DataLoaderOptions options = {}) {
  const std::optional<size_t> size = dataset.size();
  if (!size) detail::fail_unsized_dataset();
  return make_data_loader(std::move(dataset), Sampler(*size), options);
}

template <class Dataset>
requires(Dataset::is_stateful) std::unique_ptr<StatefulDataLoader<Dataset>> make_data_loader(
    Dataset dataset, DataLoaderOptions options = {}) {
  return std::make_unique<StatefulDataLoader<Dataset>>(std::move(dataset), options);
}

}  // namespace tenon::data
