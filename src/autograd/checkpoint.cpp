// Checkpointing: the graph is recorded as usual, but what it saves is dropped, and computed again when backward asks.
#include <mutex>

#include "tenon/autograd/autograd.h"
#include "tenon/base/generator.h"

namespace tenon::autograd {
namespace {

using CheckpointedFunction = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;

// One checkpointed call: what runs it again, and what it saved when it last did.
class Frame : public std::enable_shared_from_this<Frame> {
 public:
  Frame(CheckpointedFunction function, const std::vector<Tensor>& inputs, bool preserve_rng_state)
      : function_(std::move(function)), inputs_(inputs) {
    for (const Tensor& input : inputs) versions_.push_back(input.defined() ? input._version() : 0);
    if (preserve_rng_state) rng_state_ = default_generator().get_state();
  }

  // Stands for a saved tensor; when it dies, so does the recomputed one.
  struct Slot {
    std::shared_ptr<Frame> frame;
    size_t index;
    ~Slot() { frame->forget(index); }
  };

  SavedTensorHooks dropping_hooks() {
    auto pack = [frame = shared_from_this()](const Tensor&) -> std::shared_ptr<void> {
      return std::make_shared<Slot>(frame, frame->saved_++);
    };
    auto unpack = [](const std::shared_ptr<void>& data) {
      Slot& slot = *static_cast<Slot*>(data.get());
      return slot.frame->recomputed(slot.index);
    };
    return {std::move(pack), std::move(unpack)};
  }

 private:
  Tensor recomputed(size_t index) {
    std::lock_guard lock(mutex_);
    if (index >= tensors_.size() || !tensors_[index].defined()) recompute();
    return tensors_[index];
  }

  void forget(size_t index) {
    std::lock_guard lock(mutex_);
    if (index < tensors_.size()) tensors_[index].reset();
  }

  void recompute() {
    std::vector<Tensor> inputs;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const Tensor& input = inputs_[i];
      TENON_CHECK(!input.defined() || input._version() == versions_[i], "checkpoint: input ", i,
                  " was edited in place after the checkpointed forward, so that it cannot be computed again");
      inputs.push_back(input.defined() ? input.detach() : Tensor());
      if (input.defined() && input.requires_grad()) inputs.back().requires_grad_();
    }
    std::vector<Tensor> tensors;
    SavedTensorHooksGuard collect(
        {[&tensors](const Tensor& tensor) -> std::shared_ptr<void> {
           tensors.push_back(tensor);
           return std::make_shared<Tensor>(tensor);
         },
         [](const std::shared_ptr<void>& data) { return *static_cast<Tensor*>(data.get()); }});
    AutoGradMode grad_mode(true);
    const RestoreRng restore(rng_state_);
    function_(inputs);
    TENON_CHECK(tensors.size() == saved_, "checkpoint: the forward saved ", saved_, " tensors and its recomputation ",
                tensors.size(), "; the function must do the same each time");
    tensors_ = std::move(tensors);
  }

  // Runs its scope from the given random state, if any, and then goes on where the generator was.
  class RestoreRng {
   public:
    explicit RestoreRng(const std::vector<uint8_t>& state) {
      if (state.empty()) return;
      previous_ = default_generator().get_state();
      default_generator().set_state(state);
    }
    ~RestoreRng() {
      if (!previous_.empty()) default_generator().set_state(previous_);
    }
    RestoreRng(const RestoreRng&) = delete;

   private:
    std::vector<uint8_t> previous_;
  };

  CheckpointedFunction function_;
  std::vector<Tensor> inputs_;
  std::vector<uint32_t> versions_;
  std::vector<uint8_t> rng_state_;
  size_t saved_ = 0;
  // Recursive, since dropping a recomputed tensor may drop the slot of another.
  std::recursive_mutex mutex_;
  std::vector<Tensor> tensors_;
};

}  // namespace

std::vector<Tensor> checkpoint(std::function<std::vector<Tensor>(const std::vector<Tensor>&)> function,
                               const std::vector<Tensor>& inputs, bool preserve_rng_state) {
  if (!GradMode::is_enabled()) return function(inputs);
  auto frame = std::make_shared<Frame>(function, inputs, preserve_rng_state);
  SavedTensorHooksGuard guard(frame->dropping_hooks());
  return function(inputs);
}

}  // namespace tenon::autograd
