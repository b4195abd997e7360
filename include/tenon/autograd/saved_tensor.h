// SavedTensor: a tensor kept for backward. It notices later in-place edits and never keeps its own node alive.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "tenon/autograd/grad_mode.h"
#include "tenon/tensor/tensor.h"

namespace tenon {

// Hooks by which saved tensors are packed when saved and unpacked when used; see SavedTensorHooksGuard.
struct SavedTensorHooks {
  std::function<std::shared_ptr<void>(const Tensor&)> pack;
  std::function<Tensor(const std::shared_ptr<void>&)> unpack;
};

// Installs hooks for tensors saved on this thread within the guard's life; the innermost guard counts.
class TENON_API SavedTensorHooksGuard {
 public:
  explicit SavedTensorHooksGuard(SavedTensorHooks hooks);
  ~SavedTensorHooksGuard();
  SavedTensorHooksGuard(const SavedTensorHooksGuard&) = delete;
};

class TENON_API SavedTensor {
 public:
  SavedTensor();
  // `is_output`: `tensor` is an output of the node that saves it.
  SavedTensor(const Tensor& tensor, bool is_output);
  SavedTensor(SavedTensor&&) noexcept;
  SavedTensor& operator=(SavedTensor&&) noexcept;
  ~SavedTensor();

  // The tensor as it was saved, with its history; `owner` is the node that saved it. Without `history`, which only a
  // backward that is itself recorded needs, an output may come back outside the graph.
  // Throws when it was edited in place since, naming both ops, or when it was released.
  Tensor unpack(const IntrusivePtr<Node>& owner, const char* op, bool history = GradMode::is_enabled()) const;
  void release();
  bool was_defined() const { return was_defined_; }

 private:
  struct Packed;
  Tensor tensor_;
  std::shared_ptr<Packed> packed_;
  uint32_t version_ = 0;
  uint32_t output_nr_ = 0;
  bool is_output_ = false;
  bool was_defined_ = false;
  // Guards what release() empties: two threads may run backward through one node.
  mutable std::atomic<bool> locked_{false};
};

}  // namespace tenon
