// Tensor's autograd members: flags, gradients, aliases outside the graph, and hooks.
#include "autograd/meta.h"

#include <algorithm>
#include <mutex>

#include "autograd/accumulate_grad.h"
#include "autograd/history.h"
#include "autograd/spin_lock.h"
#include "base/free_list.h"
#include "tenon/autograd/autograd.h"
#include "tensor/make.h"

namespace tenon {

void* AutogradMeta::operator new(size_t bytes) { return take_block(bytes); }
void AutogradMeta::operator delete(void* object, size_t bytes) { give_block(object, bytes); }

AutogradMeta::~AutogradMeta() {
  // grad_fn outlives the tensor in graphs that passed through it; nobody can ask for the gradient any more.
  if (rare && rare->retained_grad && grad_fn) grad_fn->retain_grad(output_nr, nullptr);
}

Tensor AutogradMeta::load_gradient() {
  SpinGuard guard(locked);
  return gradient();
}

void AutogradMeta::store_gradient(Tensor gradient) {
  // The old one dies with the argument, after the lock is given up.
  SpinGuard guard(locked);
  std::swap(this->gradient(), gradient);
}

AutogradMeta::Rare& AutogradMeta::rare_parts() {
  if (!rare) rare = std::make_unique<Rare>();
  return *rare;
}

void AutogradMetaDeleter::operator()(AutogradMeta* meta) const { delete meta; }

AutogradMeta& autograd_meta(const Tensor& tensor) {
  auto& meta = tensor.impl()->autograd;
  if (!meta) meta.reset(new AutogradMeta);
  return *meta;
}

bool Tensor::requires_grad() const {
  const TensorImpl& impl = *this->impl();
  if (impl.requires_grad || (impl.autograd && impl.autograd->grad_fn)) return true;
  return impl.view_base && is_differentiable(impl.dtype) && Tensor(impl.view_base).requires_grad();
}

const Tensor& Tensor::requires_grad_(bool requires_grad) const {
  TENON_CHECK(defined(), "requires_grad_: the tensor is undefined");
  if (requires_grad) {
    TENON_CHECK(is_differentiable(dtype()),
                "requires_grad_: only Tensors of floating point and complex dtype can require gradients, not ",
                dtype());
    TENON_CHECK(!is_inference() || InferenceMode::is_enabled(),
                "requires_grad_: Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.");
    // A result requires it anyway; the flag is a leaf's, and a view that has it takes no history from its base.
    if (grad_fn()) return *this;
    // Made now, so that threads that use a shared leaf find it there.
    autograd_meta(*this);
  } else {
    TENON_CHECK(!grad_fn(),
                "requires_grad_: you can only change requires_grad flags of leaf variables. If you want to use "
                "a computed variable in a subgraph that doesn't require differentiation use detach().");
  }
  impl()->requires_grad = requires_grad;
  return *this;
}

bool Tensor::is_leaf() const { return !grad_fn(); }

Tensor& Tensor::mutable_grad() const { return autograd_meta(*this).gradient(); }

const Tensor& Tensor::grad() const {
  static const Tensor none;
  return impl()->autograd ? impl()->autograd->gradient() : none;
}

IntrusivePtr<Node> Tensor::grad_fn() const {
  if (impl()->view_base && !impl()->no_grad_view) refresh_view_history(*this);
  return impl()->autograd ? impl()->autograd->grad_fn : nullptr;
}

uint32_t Tensor::output_nr() const { return impl()->autograd ? impl()->autograd->output_nr : 0; }

Edge gradient_edge(const Tensor& tensor) {
  if (!tensor.requires_grad()) return {};
  if (IntrusivePtr<Node> node = tensor.grad_fn()) return {std::move(node), tensor.output_nr()};
  return {accumulator_of(tensor), 0};
}

void Tensor::backward(const Tensor& gradient, optional<bool> retain_graph, bool create_graph, TensorList inputs) const {
  autograd::backward(*this, gradient, retain_graph, create_graph, inputs);
}

Tensor Tensor::detach() const { return make_alias(*this, sizes(), strides(), storage_offset()); }

const Tensor& Tensor::detach_() const {
  TENON_CHECK(!is_view(), "detach_: Can't detach views in-place. Use detach() instead.");
  impl()->requires_grad = false;
  if (AutogradMeta* meta = impl()->autograd.get()) {
    if (meta->rare && meta->rare->retained_grad) {
      meta->grad = *meta->rare->retained_grad;
      if (meta->grad_fn) meta->grad_fn->retain_grad(meta->output_nr, nullptr);
    }
    meta->rare.reset();
    meta->grad_fn.reset();
    meta->output_nr = 0;
  }
  return *this;
}

Tensor Tensor::data() const {
  Tensor alias = detach();
  alias.impl()->own_version = std::make_shared<VersionCounter>();
  return alias;
}

void Tensor::set_data(const Tensor& other) const {
  TENON_CHECK(other.defined(), "set_data: the new tensor is undefined");
  TENON_CHECK(!requires_grad() || is_differentiable(other.dtype()),
              "set_data: a tensor that requires grad cannot hold ", other.dtype(), " data");
  const bool same_form = dtype() == other.dtype() && device() == other.device() && sizes() == other.sizes();
  if (AutogradMeta* meta = impl()->autograd.get(); meta && !same_form) {
    // The accumulator expects gradients of the old form; graphs that hold it keep it.
    SpinGuard guard(meta->locked);
    meta->accumulator = nullptr;
  }
  const TensorImpl& from = *other.impl();
  impl()->storage = from.storage;
  impl()->sizes = from.sizes;
  impl()->strides = from.strides;
  impl()->offset = from.offset;
  impl()->dtype = from.dtype;
  impl()->own_version = from.own_version;
  impl()->view_base.reset();
  impl()->no_grad_view = false;
  impl()->refresh();
}

const Tensor& Tensor::retain_grad() const {
  TENON_CHECK(requires_grad(), "retain_grad: can't retain_grad on Tensor that has requires_grad=False");
  IntrusivePtr<Node> node = grad_fn();
  if (!node || retains_grad()) return *this;
  AutogradMeta& meta = autograd_meta(*this);
  auto gradient = std::make_shared<Tensor>(std::move(meta.grad));
  node->retain_grad(meta.output_nr, gradient);
  meta.rare_parts().retained_grad = std::move(gradient);
  return *this;
}

bool Tensor::retains_grad() const {
  const AutogradMeta* meta = impl()->autograd.get();
  return meta && meta->rare && meta->rare->retained_grad;
}

uint64_t Tensor::register_hook(TensorHook hook) const {
  TENON_CHECK(requires_grad(), "register_hook: cannot register a hook on a tensor that doesn't require gradient");
  IntrusivePtr<Node> node = grad_fn();
  AutogradMeta& meta = autograd_meta(*this);
  const uint64_t id = node ? node->add_tensor_hook(output_nr(), std::move(hook)) : next_hook_id();
  SpinGuard guard(meta.locked);
  if (node) {
    meta.rare_parts().node_hooks.emplace_back(id, std::move(node));
  } else {
    meta.rare_parts().hooks.emplace_back(id, std::move(hook));
  }
  return id;
}

namespace {

// Takes what has this id out of a list.
template <class T>
optional<T> taken_out(std::vector<std::pair<uint64_t, T>>& list, uint64_t id) {
  const auto found = std::ranges::find(list, id, &std::pair<uint64_t, T>::first);
  if (found == list.end()) return nullopt;
  optional<T> taken = std::move(found->second);
  list.erase(found);
  return taken;
}

}  // namespace

void Tensor::remove_hook(uint64_t id) const {
  AutogradMeta* meta = impl()->autograd.get();
  if (!meta || !meta->rare) return;
  // What is removed dies last, since its end may run code that edits these lists.
  optional<TensorHook> hook;
  optional<PostAccumulateHook> post_accumulate_hook;
  optional<IntrusivePtr<Node>> node;
  {
    SpinGuard guard(meta->locked);
    hook = taken_out(meta->rare->hooks, id);
    post_accumulate_hook = taken_out(meta->rare->post_accumulate_hooks, id);
    node = taken_out(meta->rare->node_hooks, id);
  }
  if (node) (*node)->remove_hook(id);
}

void visit_own_hooks(const TensorImpl& impl, const std::function<void(const TensorHook&)>& visit,
                     const std::function<void(const PostAccumulateHook&)>& visit_post_accumulate) {
  const AutogradMeta* meta = impl.autograd.get();
  if (!meta || !meta->rare) return;
  for (const auto& [id, hook] : meta->rare->hooks) visit(hook);
  for (const auto& [id, hook] : meta->rare->post_accumulate_hooks) visit_post_accumulate(hook);
  const auto& node_hooks = meta->rare->node_hooks;
  const auto own = std::count_if(node_hooks.begin(), node_hooks.end(),
                                 [&](const auto& entry) { return entry.second == meta->grad_fn; });
  if (own > 0 && meta->grad_fn->use_count() == 1 + own) meta->grad_fn->visit_tensor_hooks(visit);
}

void remove_hooks(const Tensor& tensor) {
  const AutogradMeta* meta = tensor.impl()->autograd.get();
  if (!meta || !meta->rare) return;
  std::vector<uint64_t> ids;
  for (const auto& [id, hook] : meta->rare->hooks) ids.push_back(id);
  for (const auto& [id, hook] : meta->rare->post_accumulate_hooks) ids.push_back(id);
  for (const auto& [id, node] : meta->rare->node_hooks) ids.push_back(id);
  for (uint64_t id : ids) tensor.remove_hook(id);
}

}  // namespace tenon
