// Accumulating into leaves: a gradient that nobody else holds is kept as it is, others are copied or added.
#include "autograd/accumulate_grad.h"

#include "autograd/engine.h"
#include "autograd/meta.h"
#include "autograd/spin_lock.h"
#include "tenon/autograd/grad_mode.h"
#include "tensor/make.h"

namespace tenon {
namespace {

// Whether `grad` is laid out as the gradient of `leaf` should be: like a dense leaf, else row-major.
bool follows_layout(const Tensor& grad, const Tensor& leaf) {
  if (!leaf.is_non_overlapping_and_dense()) return grad.impl()->contiguous;
  for (size_t d = 0; d < leaf.sizes().size(); ++d) {
    // The stride of a dim of size one says nothing.
    if (leaf.sizes()[d] != 1 && grad.strides()[d] != leaf.strides()[d]) return false;
  }
  return true;
}

Tensor copy_in_layout(const Tensor& grad, const Tensor& leaf) {
  Tensor copy = make_like(leaf, grad.dtype());
  copy.copy_(grad);
  return copy;
}

}  // namespace

AccumulateGrad::AccumulateGrad(const Tensor& leaf) : leaf_(leaf) {
  sequence_nr_ = UINT64_MAX;
  weakly_reachable_ = true;
  add_input_meta(leaf);
}

AccumulateGrad::~AccumulateGrad() {
  AutogradMeta& meta = autograd_meta(leaf_);
  SpinGuard guard(meta.locked);
  if (meta.accumulator == this) meta.accumulator = nullptr;
}

const Tensor* Node::leaf() const {
  const auto* accumulator = dynamic_cast<const AccumulateGrad*>(this);
  return accumulator ? &accumulator->variable() : nullptr;
}

IntrusivePtr<Node> accumulator_of(const Tensor& leaf) {
  AutogradMeta& meta = autograd_meta(leaf);
  SpinGuard guard(meta.locked);
  if (meta.accumulator && meta.accumulator->try_retain()) return IntrusivePtr<Node>::adopt(meta.accumulator);
  IntrusivePtr<Node> node(new AccumulateGrad(leaf));
  meta.accumulator = node.get();
  return node;
}

void AccumulateGrad::run_tensor_hooks(Grads& grads) {
  AutogradMeta& meta = autograd_meta(leaf_);
  std::vector<std::pair<uint64_t, TensorHook>> hooks;
  {
    // A hook may add and remove hooks, as other threads may: those that there were when it began all run.
    SpinGuard guard(meta.locked);
    if (meta.rare) hooks = meta.rare->hooks;
  }
  for (const auto& [id, hook] : hooks) run_tensor_hook(hook, grads[0], name());
}

Grads AccumulateGrad::apply(Grads&& grads) {
  // The leaf may have stopped to require a gradient since.
  if (!grads[0].defined() || !leaf_.requires_grad()) return {};
  std::vector<std::pair<uint64_t, PostAccumulateHook>> hooks;
  {
    std::lock_guard lock(mutex_);
    accumulate(std::move(grads[0]));
    AutogradMeta& meta = autograd_meta(leaf_);
    SpinGuard guard(meta.locked);
    if (meta.rare) hooks = meta.rare->post_accumulate_hooks;
  }
  for (const auto& [id, hook] : hooks) hook(leaf_);
  return {};
}

void AccumulateGrad::accumulate(Tensor&& grad) {
  AutogradMeta& meta = autograd_meta(leaf_);
  Tensor into = meta.load_gradient();
  const bool recorded = GradMode::is_enabled();
  if (!into.defined()) {
    const bool keep = !recorded && owned_alone(grad) && follows_layout(grad, leaf_);
    meta.store_gradient(keep ? std::move(grad) : copy_in_layout(grad, leaf_));
  } else if (recorded) {
    Tensor sum = into.add(grad);
    meta.store_gradient(follows_layout(sum, leaf_) ? std::move(sum) : copy_in_layout(sum, leaf_));
  } else {
    into.add_(grad);
  }
}

}  // namespace tenon
