// In-place edits: who may be edited, and how the edit of a view reaches the history of its base and of other views.
#include "autograd/history.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "autograd/meta.h"
#include "autograd/trace.h"
#include "tenon/autograd/grad_mode.h"

namespace tenon {
namespace {

// The elements [low, high) of memory that a layout reaches, counted from the start of the storage.
struct Span {
  int64_t low, high;
};

Span span_of(const Geometry& geometry) {
  Span span{geometry.offset, geometry.offset + 1};
  for (size_t d = 0; d < geometry.sizes.size(); ++d) {
    if (geometry.sizes[d] == 0) return {geometry.offset, geometry.offset};
    const int64_t reach = (geometry.sizes[d] - 1) * geometry.strides[d];
    (reach < 0 ? span.low : span.high) += reach;
  }
  return span;
}

Span span_of(const Geometry& a, const Geometry& b) {
  const Span x = span_of(a);
  const Span y = span_of(b);
  return {std::min(x.low, y.low), std::max(x.high, y.high)};
}

// Whether every element has memory of its own: each dim steps over all that smaller strides reach.
bool elements_are_distinct(const DimVector& sizes, const DimVector& strides) {
  SmallVec<size_t, 6> order;
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (sizes[d] > 1) order.push_back(d);
  }
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return strides[a] < strides[b]; });
  int64_t reached = 0;
  for (size_t d : order) {
    if (strides[d] <= reached) return false;
    reached += (sizes[d] - 1) * strides[d];
  }
  return true;
}

// Adds `grad` to the elements of the flat `buffer` that the layout reaches.
void add_at(const Tensor& buffer, Tensor grad, DimVector sizes, const DimVector& strides, int64_t offset) {
  if (grad.numel() == 0) return;
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (strides[d] == 0) sizes[d] = 1;
  }
  if (grad.sizes() != IntArrayRef(sizes)) grad = grad.sum_to_size(sizes);
  if (elements_are_distinct(sizes, strides)) {
    buffer.as_strided(sizes, strides, offset).add_(grad);
    return;
  }
  // Elements overlap, as in a sliding window: go along the shortest dim, until what is left has no overlap.
  size_t dim = sizes.size();
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (sizes[d] > 1 && (dim == sizes.size() || sizes[d] < sizes[dim])) dim = d;
  }
  const int64_t count = sizes[dim];
  sizes[dim] = 1;
  for (int64_t i = 0; i < count; ++i) {
    add_at(buffer, grad.narrow(static_cast<int64_t>(dim), i, 1), sizes, strides, offset + i * strides[dim]);
  }
}

// The backward of an in-place op on a view, as an op on the base: the gradient of what the view covers goes through the
// op, the rest stays.
class CopySlices final : public Node {
 public:
  CopySlices(const Tensor& base, const Tensor& view, IntrusivePtr<Node> op, size_t self_input)
      : base_(base), view_(view), op_(std::move(op)), self_input_(self_input) {
    for (size_t i = 0; i < op_->next_edges().size(); ++i) {
      add_next_edge(i == self_input_ ? gradient_edge(base) : op_->next_edges()[i]);
    }
  }

  const char* name() const override { return "CopySlices"; }

  Grads apply(Grads&& grads) override {
    Grads result(next_edges().size());
    const Tensor& grad = grads[0];
    if (!grad.defined()) return result;
    const Span span = span_of(base_, view_);
    Tensor buffer = grad.new_zeros({span.high - span.low});
    Tensor whole = buffer.as_strided(base_.sizes, base_.strides, base_.offset - span.low);
    whole.copy_(grad);
    Tensor slice = buffer.as_strided(view_.sizes, view_.strides, view_.offset - span.low);
    Grads op_grads;
    op_grads.push_back(slice.clone());
    Grads through = op_->apply(std::move(op_grads));
    for (size_t i = 0; i < result.size(); ++i) {
      if (!needs_input_grad(i)) continue;
      const bool is_defined = i < through.size() && through[i].defined();
      if (i != self_input_) {
        if (is_defined) result[i] = std::move(through[i]);
        continue;
      }
      if (is_defined) {
        slice.copy_(through[i]);
      } else {
        slice.zero_();
      }
      result[i] = whole;
    }
    return result;
  }

  void release_saved() override { op_->release_saved(); }

 private:
  Geometry base_;
  Geometry view_;
  IntrusivePtr<Node> op_;
  size_t self_input_;
};

// The history of a view whose base was edited: it reads the base's elements by strides.
class AsStridedNode final : public Node {
 public:
  AsStridedNode(const Tensor& base, const Tensor& view) : base_(base), view_(view) {
    add_next_edge(gradient_edge(base));
    add_input_meta(view);
    if (AnomalyMode::is_enabled()) note_origin(*this);
  }
  const char* name() const override { return "as_strided"; }
  Grads apply(Grads&& grads) override {
    Grads result;
    result.push_back(grads[0].defined() ? as_strided_backward(grads[0], base_, view_) : Tensor());
    return result;
  }

 private:
  Geometry base_;
  Geometry view_;
};

std::atomic_ref<uint32_t> made_at(const Tensor& view) { return std::atomic_ref<uint32_t>(view.impl()->view_version); }

}  // namespace

Tensor as_strided_backward(const Tensor& grad, const Geometry& base, const Geometry& view) {
  const Span span = span_of(base, view);
  Tensor buffer = grad.new_zeros({span.high - span.low});
  add_at(buffer, grad, view.sizes, view.strides, view.offset - span.low);
  return buffer.as_strided(base.sizes, base.strides, base.offset - span.low);
}

void refresh_view_history(const Tensor& view) {
  if (made_at(view).load(std::memory_order_acquire) == view._version()) return;
  Tensor base(view.impl()->view_base);
  if (!base.requires_grad() || view.impl()->requires_grad) return;
  // Views are refreshed rarely; one lock keeps two threads from doing it at once.
  static std::mutex mutex;
  std::lock_guard lock(mutex);
  if (made_at(view).load(std::memory_order_relaxed) == view._version()) return;
  if (view.dtype() == base.dtype()) {
    set_history(view, IntrusivePtr<Node>(new AsStridedNode(base, view)), 0);
    return;
  }
  // The old history still holds when it comes straight from the base's present one.
  const AutogradMeta* meta = view.impl()->autograd.get();
  const bool holds = meta && meta->grad_fn && !meta->grad_fn->next_edges().empty() &&
                     meta->grad_fn->next_edges()[0].node == gradient_edge(base).node;
  TENON_CHECK(holds, "a ", view.dtype(), " view of a ", base.dtype(),
              " tensor was used after an in-place edit of their memory, and gradients cannot follow the edit from one dtype "
              "to the other; make the view again after the edit");
  made_at(view).store(view._version(), std::memory_order_release);
}

void set_history(const Tensor& tensor, const IntrusivePtr<Node>& node) {
  set_history(tensor, node, node->add_input_meta(tensor));
  if (AnomalyMode::is_enabled()) note_origin(*node);
}

void set_history(const Tensor& tensor, const IntrusivePtr<Node>& node, uint32_t output_nr) {
  AutogradMeta& meta = autograd_meta(tensor);
  if (meta.rare && meta.rare->retained_grad) {
    if (meta.grad_fn) meta.grad_fn->retain_grad(meta.output_nr, nullptr);
    node->retain_grad(output_nr, meta.rare->retained_grad);
  }
  meta.grad_fn = node;
  meta.output_nr = output_nr;
  if (tensor.is_view()) made_at(tensor).store(tensor._version(), std::memory_order_release);
}

void rebase_history(const Tensor& self, IntrusivePtr<Node> node, size_t self_input) {
  if (!self.is_view()) {
    set_history(self, node);
    return;
  }
  Tensor base(self.impl()->view_base);
  TENON_CHECK(self.dtype() == base.dtype(), node->name(), "_: gradients cannot follow an in-place edit of a ", self.dtype(),
              " view of a ", base.dtype(), " tensor; edit the base, or a clone() of the view");
  node->add_input_meta(self);
  if (AnomalyMode::is_enabled()) note_origin(*node);
  set_history(base, IntrusivePtr<Node>(new CopySlices(base, self, std::move(node), self_input)));
  refresh_view_history(self);
}

void check_inplace(const Tensor& self, const char* op, bool records) {
  TENON_CHECK(!self.storage()->read_only(), op, "_: self's memory is read-only; clone() it first");
  TENON_CHECK(!self.is_inference() || InferenceMode::is_enabled(), op,
              "_: Inplace update to inference tensor outside InferenceMode is not allowed. Make a clone to get a normal "
              "tensor before doing inplace update.");
  if (!records || !GradMode::is_enabled()) return;
  const TensorImpl& impl = *self.impl();
  if (impl.view_base) {
    const bool is_function_output = impl.no_grad_view && impl.autograd && impl.autograd->grad_fn;
    TENON_CHECK(!is_function_output, op, "_: an output of '", impl.autograd->grad_fn->name(),
                "' is a view and is being modified inplace. The view was made inside a custom Function (or an input was "
                "returned as-is), whose backward the edit would bypass; clone() the output first");
    TENON_CHECK(!impl.no_grad_view, op,
                "_: A view was created in no_grad mode and is being modified inplace with grad mode enabled. Move both the "
                "view and the edit inside the no_grad block, or both outside");
    TENON_CHECK(!self.requires_grad() || !self.is_leaf() || !impl.requires_grad, op,
                "_: a leaf Variable that requires grad is being used in an in-place operation.");
    const Tensor base(impl.view_base);
    TENON_CHECK(!base.requires_grad() || !base.is_leaf(), op,
                "_: a view of a leaf Variable that requires grad is being used in an in-place operation.");
    return;
  }
  TENON_CHECK(!self.requires_grad() || !self.is_leaf(), op,
              "_: a leaf Variable that requires grad is being used in an in-place operation.");
}

}  // namespace tenon
