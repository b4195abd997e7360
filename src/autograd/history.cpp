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

// A strided layout, apart from the tensor that has it.
struct Geometry {
  explicit Geometry(const Tensor& x)
      : sizes(x.impl()->sizes), strides(x.impl()->strides), offset(x.storage_offset()), dtype(x.dtype()) {}
  DimVector sizes;
  DimVector strides;
  int64_t offset;
  ScalarType dtype;
};

// The elements [low, high) of memory that a layout reaches, counted from the start of the storage.
struct Span {
  int64_t low, high;
};

Span span_of(const Geometry& geometry) {
  if (std::ranges::find(geometry.sizes, 0) != geometry.sizes.end()) return {geometry.offset, geometry.offset};
  Span span{geometry.offset, geometry.offset + 1};
  for (size_t d = 0; d < geometry.sizes.size(); ++d) {
    const int64_t reach = (geometry.sizes[d] - 1) * geometry.strides[d];
    (reach < 0 ? span.low : span.high) += reach;
  }
  return span;
}

// The elements of base's dtype that base and view reach; whole complex numbers where one of them is complex.
Span span_of(const Geometry& base, const Geometry& view) {
  const Span x = span_of(base);
  Span y = span_of(view);
  if (is_complex(base.dtype) && !is_complex(view.dtype)) y = {y.low / 2, (y.high + 1) / 2};
  if (is_complex(view.dtype) && !is_complex(base.dtype)) y = {2 * y.low, 2 * y.high};
  Span span{std::min(x.low, y.low), std::max(x.high, y.high)};
  if (is_complex(view.dtype) && !is_complex(base.dtype)) span = {span.low / 2 * 2, (span.high + 1) / 2 * 2};
  return span;
}

// Throws unless gradients can pass between base and view: equal dtypes, or real and complex of one precision.
void require_expressible(const Tensor& view, const Tensor& base, const char* op) {
  const bool expressible = view.dtype() == base.dtype() || to_real(view.dtype()) == base.dtype() ||
                           to_real(base.dtype()) == view.dtype();
  TENON_CHECK(expressible, op, ": gradients cannot follow an in-place edit of the memory of a ", base.dtype(),
              " tensor and its ", view.dtype(), " view; edit a clone(), or make the view after the edit");
}

// `count` elements of base's memory from `start` seen as `dtype`, as view_as_real and view_as_complex see them.
Tensor see_as(const Tensor& base, int64_t start, int64_t count, ScalarType dtype) {
  Tensor flat = base.as_strided({count}, {1}, start);
  if (dtype == base.dtype()) return flat;
  return is_complex(dtype) ? flat.as_strided({count / 2, 2}, {2, 1}, start).view_as_complex() : flat.view_as_real();
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
    const int64_t start = is_complex(base_.dtype) == is_complex(view_.dtype) ? span.low
                          : is_complex(base_.dtype)                          ? 2 * span.low
                                                                             : span.low / 2;
    Tensor slice = see_as(buffer, 0, span.high - span.low, view_.dtype)
                       .as_strided(view_.sizes, view_.strides, view_.offset - start);
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

std::atomic_ref<uint32_t> made_at(const Tensor& view) { return std::atomic_ref<uint32_t>(view.impl()->view_version); }

bool has_history_of_base(const Tensor& view, const Tensor& base) {
  return base.requires_grad() && !view.impl()->requires_grad && !InferenceMode::is_enabled();
}

// The elements of the view taken from the base as it is now: with the history that the view needs.
Tensor taken_from_base(const Tensor& view, const Tensor& base) {
  require_expressible(view, base, "grad_fn");
  AutoGradMode grad_mode(true);
  const Geometry geometry(view);
  const Span span = span_of(Geometry(base), geometry);
  const Tensor source =
      view.dtype() == base.dtype() ? base : see_as(base, span.low, span.high - span.low, view.dtype());
  return source.as_strided(geometry.sizes, geometry.strides, geometry.offset);
}

void take_history(const Tensor& view, const Tensor& twin) {
  const AutogradMeta& meta = *twin.impl()->autograd;
  set_history(view, meta.grad_fn, meta.output_nr);
}

}  // namespace

void refresh_view_history(const Tensor& view) {
  if (made_at(view).load(std::memory_order_acquire) == view._version()) return;
  const Tensor base(view.impl()->view_base);
  if (!has_history_of_base(view, base)) return;
  // Anomaly mode's tracer and the end of the old history may run code of others, which must not wait for the lock.
  const Tensor twin = taken_from_base(view, base);
  const IntrusivePtr<Node> old = [&view, &twin] {
    // Views are refreshed rarely; one lock keeps two threads from doing it at once.
    static std::mutex mutex;
    std::lock_guard lock(mutex);
    if (made_at(view).load(std::memory_order_relaxed) == view._version()) return IntrusivePtr<Node>();
    IntrusivePtr<Node> before = autograd_meta(view).grad_fn;
    take_history(view, twin);
    return before;
  }();
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
  require_expressible(self, base, node->name());
  node->add_input_meta(self);
  if (AnomalyMode::is_enabled()) note_origin(*node);
  set_history(base, IntrusivePtr<Node>(new CopySlices(base, self, std::move(node), self_input)));
  // Not only if the version says so: who asked for self's history since the edit was given that before it.
  if (has_history_of_base(self, base)) take_history(self, taken_from_base(self, base));
}

void check_inplace(const Tensor& self, const char* op, bool records) {
  const InplaceName name{op};
  TENON_CHECK(!self.storage()->read_only(), name, ": self's memory is read-only; clone() it first");
  TENON_CHECK(!self.is_inference() || InferenceMode::is_enabled(), name,
              ": Inplace update to inference tensor outside InferenceMode is not allowed. Make a clone to get a normal "
              "tensor before doing inplace update.");
  if (!records || !GradMode::is_enabled()) return;
  const TensorImpl& impl = *self.impl();
  if (impl.view_base) {
    const bool is_function_output = impl.no_grad_view && impl.autograd && impl.autograd->grad_fn;
    TENON_CHECK(
        !is_function_output, name, ": an output of '", node_display_name(*impl.autograd->grad_fn),
        "' is a view and is being modified inplace. The view was made inside a custom Function (or an input was "
        "returned as-is), whose backward the edit would bypass; clone() the output first");
    TENON_CHECK(
        !impl.no_grad_view, name,
        ": A view was created in no_grad mode and is being modified inplace with grad mode enabled. Move both the "
        "view and the edit inside the no_grad block, or both outside");
    TENON_CHECK(!self.requires_grad() || !self.is_leaf() || !impl.requires_grad, name,
                ": a leaf Variable that requires grad is being used in an in-place operation.");
    const Tensor base(impl.view_base);
    TENON_CHECK(!base.requires_grad() || !base.is_leaf(), name,
                ": a view of a leaf Variable that requires grad is being used in an in-place operation.");
    return;
  }
  TENON_CHECK(!self.requires_grad() || !self.is_leaf(), name,
              ": a leaf Variable that requires grad is being used in an in-place operation.");
}

}  // namespace tenon
