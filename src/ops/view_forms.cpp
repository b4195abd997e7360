// Further forms of views: other names and defaults for those of shape.cpp, views as another dtype, sliding windows,
// in-place forms that change a tensor's own layout, and copies with a part replaced.
#include <algorithm>

#include "ops/view.h"
#include "tenon/base/parallel.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {

Tensor expand_as(const Tensor& self, const Tensor& other) { return expand(self, other.sizes(), false); }
Tensor view_as(const Tensor& self, const Tensor& other) { return view(self, other.sizes()); }
Tensor reshape_as(const Tensor& self, const Tensor& other) { return reshape(self, other.sizes()); }
Tensor broadcast_to(const Tensor& self, IntArrayRef size) { return expand(self, size, false); }
Tensor ravel(const Tensor& self) { return reshape(contiguous(self, MemoryFormat::Contiguous), {-1}); }
Tensor swapaxes(const Tensor& self, int64_t axis0, int64_t axis1) { return transpose(self, axis0, axis1); }
Tensor swapdims(const Tensor& self, int64_t dim0, int64_t dim1) { return transpose(self, dim0, dim1); }

Tensor view(const Tensor& self, ScalarType dtype) {
  const auto from = static_cast<int64_t>(self.element_size()), to = static_cast<int64_t>(element_size(dtype));
  DimVector sizes = self.impl()->sizes, strides = self.impl()->strides;
  int64_t offset = self.storage_offset();
  if (from != to) {
    TENON_CHECK(self.dim() > 0, "view: self.dim() cannot be 0 to view ", self.dtype(), " as ", dtype,
                " (different element sizes)");
    TENON_CHECK(self.stride(-1) == 1 || self.size(-1) == 1 || self.numel() == 0,
                "view: self.stride(-1) must be 1 to view ", self.dtype(), " as ", dtype,
                " (different element sizes), but got ", self.stride(-1));
    const int64_t shrink = std::max<int64_t>(to / from, 1), grow = std::max<int64_t>(from / to, 1);
    auto scaled = [&](int64_t value, const char* what) {
      TENON_CHECK(value % shrink == 0, "view: ", what, " must be divisible by ", shrink, " to view ", self.dtype(),
                  " as ", dtype, " (different element sizes), but got ", value);
      return checked_mul(value / shrink, grow, "view");
    };
    sizes.back() = scaled(sizes.back(), "self.size(-1)");
    for (size_t d = 0; d + 1 < strides.size(); ++d) strides[d] = scaled(strides[d], "every stride but the last");
    strides.back() = 1;
    offset = scaled(offset, "self.storage_offset()");
  }
  Tensor out = make_alias(self, sizes, strides, offset);
  out.impl()->dtype = dtype;
  return out;
}

Tensor movedim(const Tensor& self, int64_t source, int64_t destination) {
  return movedim(self, IntArrayRef(source), IntArrayRef(destination));
}

Tensor movedim(const Tensor& self, IntArrayRef source, IntArrayRef destination) {
  TENON_CHECK(source.size() == destination.size(), "movedim: Invalid source or destination dims: source (", source,
              " dims) should contain the same number of dims as destination (", destination, " dims)");
  const DimVector from = wrap_dims(source, self.dim(), "movedim"), to = wrap_dims(destination, self.dim(), "movedim");
  if (self.dim() == 0) return alias(self);
  DimVector order(self.sizes().size(), -1);
  for (size_t i = 0; i < from.size(); ++i) order[static_cast<size_t>(to[i])] = from[i];
  int64_t next = 0;
  for (int64_t& place : order) {
    if (place >= 0) continue;
    while (std::find(from.begin(), from.end(), next) != from.end()) ++next;
    place = next++;
  }
  return permute(self, order);
}

Tensor moveaxis(const Tensor& self, int64_t source, int64_t destination) { return movedim(self, source, destination); }
Tensor moveaxis(const Tensor& self, IntArrayRef source, IntArrayRef destination) {
  return movedim(self, source, destination);
}

Tensor numpy_T(const Tensor& self) {
  DimVector order(self.sizes().size());
  for (size_t d = 0; d < order.size(); ++d) order[d] = static_cast<int64_t>(order.size() - 1 - d);
  return permute(self, order);
}

Tensor matrix_H(const Tensor& self) {
  TENON_CHECK(self.dim() == 2 || self.dim() == 0, "H: only supported on matrices (2-D tensors). Got ", self.dim(),
              "-D tensor");
  return self.dim() == 0 ? conj(self) : mH(self);
}

Tensor mT(const Tensor& self) {
  TENON_CHECK(self.dim() >= 2, "mT: only supported on matrices or batches of matrices. Got ", self.dim(), "-D tensor");
  return transpose(self, -2, -1);
}

Tensor mH(const Tensor& self) {
  TENON_CHECK(self.dim() >= 2, "mH: only supported on matrices or batches of matrices. Got ", self.dim(), "-D tensor");
  return conj(transpose(self, -2, -1));
}

Tensor adjoint(const Tensor& self) { return mH(self); }

Tensor unflatten(const Tensor& self, int64_t dim, IntArrayRef sizes) {
  TENON_CHECK(!sizes.empty(), "unflatten: sizes must be non-empty");
  TENON_CHECK_INDEX(self.dim() > 0, "unflatten: a 0-d tensor has no dim to unflatten");
  const auto d = static_cast<size_t>(wrap_dim(dim, self.dim(), "unflatten"));
  const DimVector inner = infer_size(sizes, self.sizes()[d], "unflatten");
  DimVector shape(self.sizes().slice(0, d));
  for (int64_t size : inner) shape.push_back(size);
  for (int64_t size : self.sizes().slice(d + 1)) shape.push_back(size);
  return view(self, shape);
}

Tensor unfold(const Tensor& self, int64_t dimension, int64_t size, int64_t step) {
  const auto d = static_cast<size_t>(wrap_dim(dimension, self.dim(), "unfold"));
  const int64_t length = self.dim() == 0 ? 1 : self.sizes()[d];
  TENON_CHECK(size >= 0, "unfold: size is ", size, " but must be >= 0");
  TENON_CHECK(size <= length, "unfold: maximum size for tensor at dimension ", d, " is ", length, " but size is ",
              size);
  TENON_CHECK(step > 0, "unfold: step is ", step, " but must be > 0");
  DimVector sizes = self.impl()->sizes, strides = self.impl()->strides;
  const int64_t stride = self.dim() == 0 ? 1 : strides[d];
  if (self.dim() > 0) {
    sizes[d] = (length - size) / step + 1;
    // One window leaves a stride that does not matter.
    strides[d] = sizes[d] > 1 ? stride * step : stride;
  }
  sizes.push_back(size);
  strides.push_back(stride);
  return record_view("unfold", self, sizes, strides, self.storage_offset(),
                     [shape = self.impl()->sizes, d, size, step](const BackwardContext& ctx) -> Grads {
                       if (shape.empty()) return {ctx.grad().reshape({})};
                       return {unfold_backward(ctx.grad(), shape, static_cast<int64_t>(d), size, step)};
                     });
}

Tensor unfold_backward(const Tensor& grad, IntArrayRef input_sizes, int64_t dim, int64_t size, int64_t step) {
  Tensor out = zeros(input_sizes, grad.options().requires_grad(false));
  const Tensor windows = out.unfold(dim, size, step);
  TENON_CHECK(grad.sizes() == windows.sizes(), "unfold_backward: grad has shape ", grad.sizes(),
              ", but the windows have ", windows.sizes());
  if (grad.numel() > 0) {
    NoGradGuard no_grad;
    const int64_t d = wrap_dim(dim, out.dim(), "unfold_backward"), count = windows.size(d);
    // Every so many windows they do not overlap, and can be added at once.
    const int64_t apart = std::min(count, (size - 1) / step + 1);
    for (int64_t first = 0; first < apart; ++first) {
      windows.slice(d, first, count, apart).add_(grad.slice(d, first, count, apart));
    }
  }
  return record("unfold_backward", out, &grad, {}, [dim, size, step](const BackwardContext& ctx) -> Grads {
    return {ctx.grad().unfold(dim, size, step)};
  });
}

namespace {

// Gives self the layout of `form(self)`, a view of it. Its history goes on through that view.
const Tensor& become(const char* op, const Tensor& self, FunctionRef<Tensor(const Tensor&)> form) {
  check_inplace(self, op, needs_record(&self));
  TensorImpl& impl = *self.impl();
  // The old self, under another handle, so that the view's history starts where self's ended.
  const Tensor before = alias(self);
  const Tensor after = form(before);
  const IntrusivePtr<Node> history = after.grad_fn();
  impl.sizes = after.impl()->sizes;
  impl.strides = after.impl()->strides;
  impl.offset = after.storage_offset();
  impl.refresh();
  impl.version().bump(op);
  if (history) set_history(self, history, after.output_nr());
  return self;
}

}  // namespace

const Tensor& squeeze_(const Tensor& self) {
  return become("squeeze_", self, [](const Tensor& x) { return squeeze(x); });
}
const Tensor& squeeze_(const Tensor& self, int64_t dim) { return squeeze_(self, IntArrayRef(dim)); }
const Tensor& squeeze_(const Tensor& self, IntArrayRef dim) {
  return become("squeeze_", self, [&](const Tensor& x) { return squeeze(x, dim); });
}
const Tensor& unsqueeze_(const Tensor& self, int64_t dim) {
  return become("unsqueeze_", self, [&](const Tensor& x) { return unsqueeze(x, dim); });
}
const Tensor& transpose_(const Tensor& self, int64_t dim0, int64_t dim1) {
  return become("transpose_", self, [&](const Tensor& x) { return transpose(x, dim0, dim1); });
}
const Tensor& swapaxes_(const Tensor& self, int64_t axis0, int64_t axis1) { return transpose_(self, axis0, axis1); }
const Tensor& swapdims_(const Tensor& self, int64_t dim0, int64_t dim1) { return transpose_(self, dim0, dim1); }
const Tensor& t_(const Tensor& self) {
  return become("t_", self, [](const Tensor& x) { return t(x); });
}
const Tensor& as_strided_(const Tensor& self, IntArrayRef size, IntArrayRef stride, optional<int64_t> storage_offset) {
  return become("as_strided_", self, [&](const Tensor& x) { return as_strided(x, size, stride, storage_offset); });
}

namespace {

// A copy of self in which the view `part` of it is src.
Tensor with_part(const char* op, const Tensor& self, const Tensor& src, FunctionRef<Tensor(const Tensor&)> part) {
  Tensor out = clone(self, MemoryFormat::Contiguous);
  const Tensor target = part(out);
  TENON_CHECK(target.sizes() == src.sizes(), op, ": src must have the shape ", target.sizes(),
              " of the part it replaces, got ", src.sizes());
  target.copy_(src);
  return out;
}

}  // namespace

Tensor select_scatter(const Tensor& self, const Tensor& src, int64_t dim, int64_t index) {
  return with_part("select_scatter", self, src, [&](const Tensor& x) { return select(x, dim, index); });
}
Tensor slice_scatter(const Tensor& self, const Tensor& src, int64_t dim, optional<int64_t> start, optional<int64_t> end,
                     int64_t step) {
  return with_part("slice_scatter", self, src, [&](const Tensor& x) { return slice(x, dim, start, end, step); });
}
Tensor diagonal_scatter(const Tensor& self, const Tensor& src, int64_t offset, int64_t dim1, int64_t dim2) {
  return with_part("diagonal_scatter", self, src, [&](const Tensor& x) { return diagonal(x, offset, dim1, dim2); });
}

// The strides are those of memory laid out as self's, which starts where self does.
Tensor as_strided_scatter(const Tensor& self, const Tensor& src, IntArrayRef size, IntArrayRef stride,
                          optional<int64_t> storage_offset) {
  constexpr const char* kOp = "as_strided_scatter";
  const int64_t offset = checked_add(storage_offset.value_or(self.storage_offset()), -self.storage_offset(), kOp);
  const Tensor memory = zeros({checked_end(kOp, self.sizes(), self.strides(), 0)}, self.options());
  const Tensor out = as_strided(memory, self.sizes(), self.strides(), 0);
  out.copy_(self);
  const Tensor target = as_strided(memory, size, stride, offset);
  TENON_CHECK(target.sizes() == src.sizes(), kOp, ": src must have the shape ", target.sizes(),
              " of the part it replaces, got ", src.sizes());
  target.copy_(src);
  return as_strided(memory, self.sizes(), self.strides(), 0);
}

Tensor angle(const Tensor& self) {
  if (self.is_complex()) return atan2(imag(self), real(self));
  if (!self.is_floating_point()) return angle(to_dtype(self, get_default_dtype()));
  // 0 or pi by the sign; NaN stays. The gradient of the steps is zero.
  return where(isnan(self), self, mul(lt(self, 0).to(self.dtype()), 3.141592653589793));
}

}  // namespace tenon
