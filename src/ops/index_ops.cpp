// Ops that take an index or a mask for one dim or for all elements: index_select and its kin, masks, nonzero, take.
// Depends on the backend's index kernels.
#include <algorithm>

#include "ops/autocast.h"
#include "ops/edit.h"
#include "ops/indexing.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

// Throws unless `index` is a vector (or a number) of integers; returns the dim it is for.
int64_t checked_index_dim(const char* op, const Tensor& self, int64_t dim, const Tensor& index) {
  check_index_dtype(op, index);
  TENON_CHECK_INDEX(index.dim() <= 1, op, ": Index is supposed to be a vector, got shape ", index.sizes());
  check_same_device(op, self, index, "index");
  return wrap_dim(dim, self.dim(), op);
}

// Throws unless `source` has self's shape with as many indices of dim d as `index` names.
void check_source(const char* op, const Tensor& self, int64_t d, const Tensor& index, const Tensor& source) {
  check_same_dtype(op, self, source, "source");
  check_same_device(op, self, source, "source");
  const size_t ndim = std::max<size_t>(self.sizes().size(), 1);
  TENON_CHECK(std::max<size_t>(source.sizes().size(), 1) == ndim, op,
              ": source must have as many dims as self, got shape ", source.sizes(), " for self of shape ",
              self.sizes());
  const int64_t count = source.dim() == 0 ? 1 : source.sizes()[static_cast<size_t>(d)];
  TENON_CHECK_INDEX(index.numel() == count, op, ": Number of indices (", index.numel(),
                    ") should be equal to source.size(dim): (", count, "), for dim: ", d);
  for (size_t k = 0; k < ndim && self.dim() > 0 && source.dim() > 0; ++k) {
    TENON_CHECK(static_cast<int64_t>(k) == d || self.sizes()[k] == source.sizes()[k], op, ": source of shape ",
                source.sizes(), " does not match self of shape ", self.sizes(), " apart from dim ", d);
  }
}

// out[index[i], ...] = values[i, ...] along dim d, `values` with dim d first or broadcasting to that.
void put_along(const char* op, const Tensor& out, int64_t d, const Tensor& index, const Tensor& values) {
  if (index.numel() == 0 || out.numel() == 0) return;
  const Tensor target = atleast_1d(out).movedim(d, 0);
  DimVector sizes = target.impl()->sizes;
  sizes[0] = index.numel();
  const Tensor source = apart_from(values, out).expand(sizes);
  const Tensor places = apart_from(index, out).reshape({-1}).to(kLong).contiguous();
  const TensorView view = view_of(places);
  index_kernels(out, op).index_put(view_of(target), &view, 1, view_of(source), false);
}

Tensor index_added(Place place, const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source,
                   const Scalar& alpha) {
  const int64_t d = checked_index_dim("index_add", self, dim, index);
  check_source("index_add", self, d, index, source);
  TENON_CHECK(!alpha.is_complex() || self.is_complex(), "index_add: alpha ", alpha, " cannot be converted to type ",
              self.dtype());
  TENON_CHECK(!alpha.is_floating_point() || is_differentiable(self.dtype()),
              "index_add: alpha must be an integer for a tensor of dtype ", self.dtype(), ", got ", alpha);
  return edit(
      "index_add", place, self, {&self, &source}, &index,
      [&](const Tensor& out) {
        if (index.numel() == 0 || source.numel() == 0) return;
        const Tensor places = apart_from(index, out), values = apart_from(source, out);
        index_kernels(out, "index_add")
            .index_add(view_with_dim(out), d, view_with_dim(places), view_with_dim(values), alpha);
      },
      [d, alpha, sizes = source.impl()->sizes](const BackwardContext& ctx) -> Grads {
        Tensor to_source;
        if (ctx.needs(1)) {
          to_source = ctx.grad().index_select(d, ctx.saved(0)).reshape(sizes);
          if (!alpha.equal(1))
            to_source = to_source * (alpha.is_complex() ? Scalar(std::conj(alpha.to<std::complex<double>>())) : alpha);
        }
        return {ctx.grad(), to_source};
      });
}

Tensor index_copied(Place place, const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source) {
  const int64_t d = checked_index_dim("index_copy", self, dim, index);
  check_source("index_copy", self, d, index, source);
  {
    NoGradGuard no_grad;
    TENON_CHECK_INDEX(!index.lt(0).any().item<bool>(), "index_copy: an index is negative; indices must be in [0, ",
                      self.dim() == 0 ? 1 : self.size(d), ") for dimension ", d);
  }
  return edit(
      "index_copy", place, self, {&self, &source}, &index,
      [&](const Tensor& out) { put_along("index_copy", out, d, index, atleast_1d(source).movedim(d, 0)); },
      [d, sizes = source.impl()->sizes](const BackwardContext& ctx) -> Grads {
        return {ctx.needs(0) ? ctx.grad().index_fill(d, ctx.saved(0), Scalar(0)) : Tensor(),
                ctx.needs(1) ? ctx.grad().index_select(d, ctx.saved(0)).reshape(sizes) : Tensor()};
      });
}

Tensor index_filled(Place place, const Tensor& self, int64_t dim, const Tensor& index, const Tensor& value) {
  const int64_t d = checked_index_dim("index_fill", self, dim, index);
  TENON_CHECK(value.dim() == 0, "index_fill: only supports a 0-dimensional value tensor, but got tensor with ",
              value.dim(), " dimension(s).");
  TENON_CHECK(!value.is_complex() || self.is_complex(),
              "index_fill: a complex value cannot be stored into a tensor of dtype ", self.dtype());
  const Tensor converted = value.to(self.device(), self.dtype());
  return edit(
      "index_fill", place, self, {&self, &converted}, &index,
      [&](const Tensor& out) { put_along("index_fill", out, d, index, converted); },
      [d](const BackwardContext& ctx) -> Grads {
        Grads grads(2);
        if (ctx.needs(0)) grads[0] = ctx.grad().index_fill(d, ctx.saved(0), Scalar(0));
        if (ctx.needs(1)) {
          // An index that is named twice still holds the value once.
          const Tensor kept = ones_like(ctx.grad(), TensorOptions(kBool)).index_fill_(d, ctx.saved(0), Scalar(false));
          grads[1] = ctx.grad().masked_fill(kept, Scalar(0)).sum();
        }
        return grads;
      });
}

Tensor number_for(const char* op, const Tensor& self, const Scalar& value) {
  check_holds(op, value, self.dtype());
  return scalar_tensor(value, self.options());
}

void check_mask(const char* op, const Tensor& self, const Tensor& mask) {
  TENON_CHECK(mask.defined() && mask.dtype() == kBool, op, ": expected a bool tensor for mask, got ",
              mask.defined() ? dtype_name(mask.dtype()) : "an undefined tensor");
  check_same_device(op, self, mask, "mask");
}

// `mask` has a shape that expands to self's.
Tensor masked_scattered(Place place, const Tensor& self, const Tensor& mask, const Tensor& source) {
  check_same_dtype("masked_scatter", self, source, "source");
  check_same_device("masked_scatter", self, source, "source");
  TENON_CHECK(is_expandable_to(mask.sizes(), self.sizes()), "masked_scatter: mask of shape ", mask.sizes(),
              " does not broadcast to self's shape ", self.sizes());
  const Tensor whole = expand(mask, self.sizes(), false);
  const std::vector<Tensor> places = mask_to_indices(whole.dim() == 0 ? whole.reshape({1}) : whole);
  const int64_t count = places[0].numel();
  TENON_CHECK(source.numel() >= count,
              "masked_scatter: Number of elements of source < number of ones in mask: ", source.numel(), " < ", count);
  return edit(
      "masked_scatter", place, self, {&self, &source}, &whole,
      [&](const Tensor& out) {
        if (count == 0) return;
        const Tensor values = apart_from(source, out).reshape({-1}).narrow(0, 0, count);
        SmallVec<TensorView, 4> views;
        for (const Tensor& index : places) views.push_back(view_of(index));
        index_kernels(out, "masked_scatter")
            .index_put(view_with_dim(out), views.data(), static_cast<int>(views.size()), view_of(values), false);
      },
      [count, sizes = source.impl()->sizes](const BackwardContext& ctx) -> Grads {
        Grads grads(2);
        if (ctx.needs(0)) grads[0] = ctx.grad().masked_fill(ctx.saved(0), Scalar(0));
        if (ctx.needs(1)) {
          Tensor used = zeros({checked_numel(sizes, "masked_scatter")}, ctx.grad().options());
          used.narrow(0, 0, count).copy_(ctx.grad().masked_select(ctx.saved(0)));
          grads[1] = used.reshape(sizes);
        }
        return grads;
      });
}

}  // namespace

Tensor index_select(const Tensor& self, int64_t dim, const Tensor& index) {
  const int64_t d = checked_index_dim("index_select", self, dim, index);
  DimVector sizes = self.impl()->sizes;
  if (self.dim() == 0) {
    TENON_CHECK(index.numel() == 1, "index_select: Index to scalar can have only 1 value, got ", index.numel(),
                " value(s)");
  } else {
    sizes[static_cast<size_t>(d)] = index.numel();
  }
  Tensor out = make_tensor(sizes, self.dtype(), self.device(), "index_select");
  if (index.numel() > 0) {
    index_kernels(self, "index_select").index_select(view_with_dim(out), view_with_dim(self), d, view_with_dim(index));
  }
  return record("index_select", out, &self, &index,
                [d, shape = self.impl()->sizes](const BackwardContext& ctx) -> Grads {
                  return {zeros(shape, ctx.grad().options()).index_add_(d, ctx.saved(0), ctx.grad())};
                });
}

Tensor index_add(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source, const Scalar& alpha) {
  return index_added(Place::Copy, self, dim, index, source, alpha);
}
const Tensor& index_add_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source,
                         const Scalar& alpha) {
  index_added(Place::Self, self, dim, index, source, alpha);
  return self;
}

Tensor index_copy(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source) {
  TENON_AUTOCAST(index_copy, self, dim, index, source)
  return index_copied(Place::Copy, self, dim, index, source);
}
const Tensor& index_copy_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source) {
  index_copied(Place::Self, self, dim, index, source);
  return self;
}

Tensor index_fill(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& value) {
  return index_filled(Place::Copy, self, dim, index, value);
}
Tensor index_fill(const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value) {
  return index_filled(Place::Copy, self, dim, index, number_for("index_fill", self, value));
}
const Tensor& index_fill_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& value) {
  index_filled(Place::Self, self, dim, index, value);
  return self;
}
const Tensor& index_fill_(const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value) {
  index_filled(Place::Self, self, dim, index, number_for("index_fill_", self, value));
  return self;
}

Tensor masked_select(const Tensor& self, const Tensor& mask) {
  check_mask("masked_select", self, mask);
  if (self.sizes() != mask.sizes()) {
    const DimVector sizes = broadcast_shapes(self.sizes(), mask.sizes(), "masked_select");
    return masked_select(expand(self, sizes, false), expand(mask, sizes, false));
  }
  const IndexKernels& kernels = index_kernels(self, "masked_select");
  const int64_t count = mask.numel() == 0 ? 0 : kernels.count_nonzero(view_with_dim(mask));
  Tensor out = make_tensor({count}, self.dtype(), self.device(), "masked_select");
  if (count > 0) kernels.masked_select(view_of(out), view_with_dim(self), view_with_dim(mask));
  return record("masked_select", out, &self, &mask, [shape = self.impl()->sizes](const BackwardContext& ctx) -> Grads {
    return {zeros(shape, ctx.grad().options()).masked_scatter_(ctx.saved(0), ctx.grad())};
  });
}

Tensor masked_scatter(const Tensor& self, const Tensor& mask, const Tensor& source) {
  check_mask("masked_scatter", self, mask);
  const DimVector sizes = broadcast_shapes(self.sizes(), mask.sizes(), "masked_scatter");
  return masked_scattered(Place::Copy, self.sizes() == sizes ? self : expand(self, sizes, false), mask, source);
}
const Tensor& masked_scatter_(const Tensor& self, const Tensor& mask, const Tensor& source) {
  check_mask("masked_scatter_", self, mask);
  masked_scattered(Place::Self, self, mask, source);
  return self;
}

Tensor nonzero(const Tensor& self) {
  const IndexKernels& kernels = index_kernels(self, "nonzero");
  const int64_t count = self.numel() == 0 ? 0 : kernels.count_nonzero(view_with_dim(self));
  Tensor out = make_tensor({count, self.dim()}, kLong, self.device(), "nonzero");
  if (out.numel() > 0) kernels.nonzero(view_of(out), view_of(self));
  return out;
}

Tensor nonzero_static(const Tensor& self, int64_t size, int64_t fill_value) {
  TENON_CHECK(size >= 0, "nonzero_static: size must not be negative, got ", size);
  const Tensor found = nonzero(self);
  if (found.size(0) >= size) return found.narrow(0, 0, size).clone();
  return cat({found, full({size - found.size(0), self.dim()}, fill_value, found.options())});
}

Tensor argwhere(const Tensor& self) { return nonzero(self); }

std::vector<Tensor> where(const Tensor& condition) { return unbind(nonzero(atleast_1d(condition)), 1); }

Tensor take(const Tensor& self, const Tensor& index) {
  check_index_dtype("take", index);
  TENON_CHECK_INDEX(self.numel() > 0 || index.numel() == 0, "take: tried to take from an empty tensor");
  return index_get(reshape(self, {-1}), index);
}

Tensor put(const Tensor& self, const Tensor& index, const Tensor& source, bool accumulate) {
  check_index_dtype("put", index);
  check_same_dtype("put", self, source, "source");
  TENON_CHECK_INDEX(source.numel() == index.numel(),
                    "put: Expected source and index to have the same number of elements, but got source.numel() = ",
                    source.numel(), ", index.numel() = ", index.numel());
  return reshape(index_put(reshape(self, {-1}), reshape(index, {-1}), reshape(source, {-1}), accumulate), self.sizes());
}
const Tensor& put_(const Tensor& self, const Tensor& index, const Tensor& source, bool accumulate) {
  return replace_inplace("put_", self, [&](const Tensor& x) { return put(x, index, source, accumulate); });
}

}  // namespace tenon
