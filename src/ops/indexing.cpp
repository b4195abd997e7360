// The brackets of x[...]: integers, slices, None, ..., bools and tensors in any mix. Basic items make a view; what
// tensors there are then index that view.
#include "ops/indexing.h"

#include <algorithm>

#include "ops/elementwise.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

// How many dims of the tensor an item uses up.
int64_t dims_used(const TensorIndex& item) {
  if (std::holds_alternative<int64_t>(item) || std::holds_alternative<indexing::Slice>(item)) return 1;
  const Tensor* tensor = std::get_if<Tensor>(&item);
  if (!tensor) return 0;
  TENON_CHECK_INDEX(tensor->defined(), "index: an index is an undefined tensor");
  return is_mask(*tensor) ? tensor->dim() : 1;
}

Tensor select_one(const Tensor& self, int64_t dim, int64_t index) {
  const int64_t size = self.size(dim);
  TENON_CHECK_INDEX(index >= -size && index < size, "index ", index, " is out of bounds for dimension ", dim,
                    " with size ", size);
  return select(self, dim, index);
}

// Applies the items to `self` from the first dim on.
class Brackets {
 public:
  Brackets(const Tensor& self, ArrayRef<TensorIndex> items) : view_(self) {
    int64_t used = 0;
    bool has_ellipsis = false;
    for (const TensorIndex& item : items) {
      used += dims_used(item);
      if (!std::holds_alternative<indexing::EllipsisType>(item)) continue;
      TENON_CHECK_INDEX(!has_ellipsis, "index: an index can only have a single ellipsis ('...')");
      has_ellipsis = true;
    }
    TENON_CHECK_INDEX(
        self.dim() > 0 || !(items.size() == 1 && std::holds_alternative<int64_t>(items[0])),
        "index: invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to "
        "convert a 0-dim tensor to a number");
    TENON_CHECK_INDEX(used <= self.dim(), "index: too many indices for tensor of dimension ", self.dim());
    skipped_by_ellipsis_ = self.dim() - used;
    for (const TensorIndex& item : items) std::visit([&](const auto& value) { apply(value); }, item);
  }

  // What the basic items give; self itself where they do nothing.
  const Tensor& view() const { return view_; }
  // Index tensors for the first dims of view(), undefined where a dim is kept; empty when there are none.
  const std::vector<Tensor>& tensors() const { return tensors_; }

  // The one mask that is all there is, shaped to broadcast over the view; then `x[mask] = number` is a masked_fill.
  // Undefined where there is no mask or more than it.
  Tensor only_mask() const {
    const size_t first = tensors_.size() - 1;
    for (size_t i = 0; i < first; ++i) {
      if (tensors_[i].defined()) return {};
    }
    const Tensor& mask = tensors_[first];
    const size_t after = first + mask.sizes().size();
    if (mask.dtype() != kBool || after > view_.sizes().size()) return {};
    if (mask.sizes() != view_.sizes().slice(first, mask.sizes().size())) return {};
    DimVector sizes(view_.sizes().size(), 1);
    std::copy(mask.sizes().begin(), mask.sizes().end(), sizes.begin() + first);
    return mask.reshape(sizes);
  }

 private:
  void apply(indexing::NoneType) { view_ = unsqueeze(view_, dim_++); }
  void apply(indexing::EllipsisType) { dim_ += skipped_by_ellipsis_; }
  void apply(int64_t index) { view_ = select_one(view_, dim_, index); }
  void apply(bool value) {
    // A new dim of size one, taken once or not at all.
    view_ = unsqueeze(view_, dim_);
    add(zeros({value ? 1 : 0}, TensorOptions(kLong).device(view_.device())), 1);
  }
  void apply(const indexing::Slice& item) {
    TENON_CHECK_VALUE(item.step.value_or(1) > 0, "index: step must be greater than zero, got ", *item.step);
    const bool is_whole =
        item.start.value_or(0) == 0 && item.step.value_or(1) == 1 && item.stop.value_or(INT64_MAX) >= view_.size(dim_);
    if (!is_whole) view_ = slice(view_, dim_, item.start, item.stop, item.step.value_or(1));
    ++dim_;
  }
  void apply(const Tensor& index) {
    if (index.dim() > 0) {
      add(index, is_mask(index) ? index.dim() : 1);
    } else if (is_mask(index)) {
      apply(index.item<bool>());
    } else {
      TENON_CHECK_INDEX(is_integral(index.dtype(), false),
                        "index: tensors used as indices must be long, int, byte or bool tensors, got ", index.dtype());
      apply(index.item<int64_t>());
    }
  }
  void add(const Tensor& index, int64_t dims) {
    tensors_.resize(tensors_.size() + static_cast<size_t>(dim_ - covered_));
    tensors_.push_back(index);
    dim_ += dims;
    covered_ = dim_;
  }

  Tensor view_;
  int64_t dim_ = 0;
  std::vector<Tensor> tensors_;
  int64_t covered_ = 0;  // dims of the view that tensors_ speaks of
  int64_t skipped_by_ellipsis_ = 0;
};

// Leading dims of size one do not matter to an assignment.
Tensor without_leading_ones(const Tensor& value) {
  size_t lead = 0;
  while (lead < value.sizes().size() && value.sizes()[lead] == 1) ++lead;
  return lead == 0 ? value : reshape(value, value.sizes().slice(lead));
}

}  // namespace

Tensor Tensor::index(ArrayRef<TensorIndex> indices) const {
  const Brackets brackets(*this, indices);
  if (!brackets.tensors().empty()) return index_get(brackets.view(), brackets.tensors());
  return brackets.view().is_same(*this) ? alias(*this) : brackets.view();
}

const Tensor& Tensor::index_put_(ArrayRef<TensorIndex> indices, const Tensor& value) const {
  TENON_CHECK(value.defined(), "index_put_: value is an undefined tensor");
  const Brackets brackets(*this, indices);
  const Tensor& view = brackets.view();
  if (brackets.tensors().empty()) {
    const Tensor source = without_leading_ones(value);
    TENON_CHECK(is_expandable_to(source.sizes(), view.sizes()), "index_put_: shape mismatch: value tensor of shape ",
                value.sizes(), " cannot be broadcast to indexing result of shape ", view.sizes());
    view.copy_(source);
  } else if (const Tensor mask = brackets.only_mask(); mask.defined() && value.numel() == 1) {
    view.masked_fill_(mask, value.reshape({}));
  } else {
    tenon::index_put_(view, brackets.tensors(), without_leading_ones(value), false);
  }
  return *this;
}

const Tensor& Tensor::index_put_(ArrayRef<TensorIndex> indices, const Scalar& value) const {
  check_holds("index_put_", value, dtype());
  const Brackets brackets(*this, indices);
  const Tensor& view = brackets.view();
  if (brackets.tensors().empty()) {
    view.fill_(value);
  } else if (const Tensor mask = brackets.only_mask(); mask.defined()) {
    view.masked_fill_(mask, value);
  } else {
    tenon::index_put_(view, brackets.tensors(), scalar_tensor(value, view.options()), false);
  }
  return *this;
}

Tensor Tensor::operator[](int64_t i) const {
  TENON_CHECK_INDEX(
      dim() > 0,
      "index: invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to "
      "convert a 0-dim tensor to a number");
  return select_one(*this, 0, i);
}

Tensor Tensor::operator[](const Tensor& index) const { return this->index({TensorIndex(index)}); }

}  // namespace tenon
