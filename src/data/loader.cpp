// What loaders of every dataset share: their errors.
#include "tenon/data/loader.h"

namespace tenon::data {

WorkerException::WorkerException(std::exception_ptr original)
    : original_exception(std::move(original)), message("Caught exception in DataLoader worker thread.") {
  try {
    std::rethrow_exception(original_exception);
  } catch (const std::exception& error) {
    message += std::string(" Original message: ") + error.what();
  } catch (...) {
    message += " It is not a std::exception.";
  }
}

namespace detail {

void fail_past_end() { tenon::detail::fail<TensorError>("data loader: the iterator is past the last batch"); }

void fail_joined() { tenon::detail::fail<TensorError>("the workers of this DataLoader have ended: it was joined"); }

void fail_timeout(std::chrono::milliseconds timeout) {
  tenon::detail::fail<TensorError>("Timeout in DataLoader queue while waiting for next batch (timeout was ",
                                   timeout.count(), " ms)");
}

void fail_unfinished_iterator() {
  tenon::detail::fail<TensorError>(
      "Attempted to get a new DataLoader iterator while another iterator is not yet exhausted");
}

void fail_unsized_dataset() {
  tenon::detail::fail<TensorError>("Expected the dataset to be sized in order to construct the Sampler");
}

}  // namespace detail
}  // namespace tenon::data
