// Sums, products and the other reductions over dims that fold all elements.
#include "ops/reduction.h"

#include <algorithm>
#include <limits>

#include "autograd/record.h"
#include "backend/kernels_of.h"
#include "ops/autocast.h"
#include "ops/promotion.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"
#include "tensor/make.h"

namespace tenon {

ReducedDims::ReducedDims(const Tensor& self, OptionalIntArrayRef dim, const char* op) : kept(self.impl()->sizes) {
  const DimVector listed = dim ? wrap_dims(*dim, self.dim(), op) : DimVector();
  TENON_CHECK(listed.empty() || self.dim() <= 64, op, ": only tensors with up to 64 dims are supported, got ",
              self.dim());
  for (size_t d = 0; d < kept.size(); ++d) {
    const bool reduced = listed.empty() || std::count(listed.begin(), listed.end(), static_cast<int64_t>(d)) > 0;
    if (reduced) {
      dims.push_back(static_cast<int64_t>(d));
      count *= kept[d];
      kept[d] = 1;
    } else {
      dropped.push_back(kept[d]);
    }
  }
}

Tensor shaped(const Tensor& out, const ReducedDims& dims, bool keepdim) {
  return keepdim ? out : make_alias(out, dims.dropped, contiguous_strides(dims.dropped), out.storage_offset());
}

Tensor reduce(const char* op, Reduction reduction, const Tensor& self, const ReducedDims& dims, bool keepdim,
              ScalarType compute, ScalarType result) {
  Tensor out = make_tensor(dims.kept, result, self.device(), op);
  kernels_of<&Backend::reduction>(self.device(), op)
      .reduce(reduction, compute_dtype(compute), view_of(out), view_of(self));
  return shaped(out, dims, keepdim);
}

Tensor broadcastable(const Tensor& reduced, const DimVector& kept) { return reduced.reshape(kept); }

void check_real(const char* op, const Tensor& self) {
  TENON_CHECK_AS(NotImplementedError, !self.is_complex(), op, ": not implemented for ", self.dtype(),
                 " tensors; complex numbers have no order");
}

void check_not_empty(const char* op, const Tensor& self, int64_t dim) {
  TENON_CHECK_INDEX(self.dim() == 0 || self.size(dim) != 0, op, ": Expected reduction dim ", dim,
                    " to have non-zero size, got shape ", self.sizes());
}

Tensor scatter_picked(const Tensor& grad, int64_t dim, const Tensor& indices, const DimVector& sizes) {
  return zeros(sizes, grad.options()).scatter(dim, indices, grad);
}

Tensor share_among_equals(const Tensor& grad, const Tensor& self, const Tensor& result, const ReducedDims& dims) {
  const Tensor extreme = broadcastable(result, dims.kept);
  Tensor share;
  {
    NoGradGuard no_grad;
    const Tensor equal = (self.eq(extreme) | (isnan(self) & isnan(extreme))).to(grad.dtype());
    share = equal / sum(equal, dims.dims, true);
  }
  return broadcastable(grad, dims.kept) * share;
}

Tensor as_rows(const Tensor& self, int64_t dim) {
  NoGradGuard no_grad;
  if (self.dim() == 0) return self.reshape({1, 1});
  const int64_t n = self.size(dim);
  return self.movedim(dim, -1).contiguous().view({n == 0 ? 0 : self.numel() / n, n});
}

Tensor from_rows(const Tensor& rows, const Tensor& like, int64_t dim) {
  NoGradGuard no_grad;
  if (like.dim() == 0) return rows.reshape({});
  DimVector sizes = like.impl()->sizes;
  sizes.erase(static_cast<size_t>(dim));
  sizes.push_back(rows.size(1));
  Tensor out = rows.view(sizes).movedim(-1, dim);
  return make_alias(out, out.sizes(), out.strides(), out.storage_offset());
}

namespace {

// What sums and products of `self` are in: integers widen to int64.
ScalarType accumulated(const Tensor& self, optional<ScalarType> dtype) {
  return dtype.value_or(is_integral(self.dtype(), true) ? kLong : self.dtype());
}

// prod_{j != i} x_j along dim, right where some x_j are zero.
Tensor product_of_others(const Tensor& x, int64_t dim) {
  const int64_t n = x.size(dim);
  const Tensor one = ones_like(x.narrow(dim, 0, 1));
  const Tensor before = cat({one, x.narrow(dim, 0, n - 1)}, dim).cumprod(dim);
  const Tensor after = cat({one, x.narrow(dim, 1, n - 1).flip({dim})}, dim).cumprod(dim).flip({dim});
  return before * after;
}

Tensor prod_grad(const Tensor& grad, const Tensor& x, const Tensor& result, int64_t dim) {
  if (x.numel() == 0) return zeros_like(x);
  if (x.eq(0).any().item<bool>()) return grad * conj(product_of_others(x, dim));
  return grad * conj(result / x);
}

void check_mean_dtype(const char* op, ScalarType dtype, const char* of) {
  TENON_CHECK(is_differentiable(dtype), op, "(): could not infer output dtype. ", of,
              " dtype must be either a floating point or complex dtype. Got: ", dtype);
}

// any and all give bool, and uint8 for uint8.
Tensor reduce_truth(const char* op, Reduction reduction, const Tensor& self, const ReducedDims& dims, bool keepdim) {
  const Tensor out = reduce(op, reduction, self, dims, keepdim, self.dtype(), kBool);
  return self.dtype() == kByte ? to_dtype(out, kByte) : out;
}

Tensor truth_over(const char* op, Reduction reduction, const Tensor& self, OptionalIntArrayRef dim, bool keepdim) {
  if (dim && dim->empty()) return to_dtype(self.ne(0), self.dtype() == kByte ? kByte : kBool);
  return reduce_truth(op, reduction, self, ReducedDims(self, dim, op), keepdim);
}

// With the dims kept; not recorded.
Tensor logsumexp_kept(const Tensor& x, const ReducedDims& dims) {
  NoGradGuard no_grad;
  if (x.numel() == 0) return full(dims.kept, -std::numeric_limits<double>::infinity(), x.options());
  if (x.is_complex()) {
    Tensor largest = amax(real(x), dims.dims, true);
    largest.masked_fill_(isinf(largest), 0);
    return log(sum(exp(x - largest), dims.dims, true)) + largest;
  }
  Tensor out = make_tensor(dims.kept, x.dtype(), x.device(), "logsumexp");
  kernels_of<&Backend::reduction>(x.device(), "logsumexp").logsumexp(view_of(out), view_of(x));
  return out;
}

}  // namespace

Tensor sum(const Tensor& self, optional<ScalarType> dtype) {
  TENON_AUTOCAST(sum, self, dtype)
  return sum(self, nullopt, false, dtype);
}

Tensor sum(const Tensor& self, OptionalIntArrayRef dim, bool keepdim, optional<ScalarType> dtype) {
  TENON_AUTOCAST(sum, self, dim, keepdim, dtype)
  const ScalarType result = accumulated(self, dtype);
  ReducedDims dims(self, dim, "sum");
  Tensor out = reduce("sum", Reduction::Sum, self, dims, keepdim, result, result);
  return record(
      "sum", out, &self, {},
      [kept = dims.kept, sizes = self.impl()->sizes, from = self.dtype()](const BackwardContext& ctx) -> Grads {
        return {to_input_dtype(ctx.grad().reshape(kept).expand(sizes), from)};
      });
}

Tensor mean(const Tensor& self, optional<ScalarType> dtype) { return mean(self, nullopt, false, dtype); }

Tensor mean(const Tensor& self, OptionalIntArrayRef dim, bool keepdim, optional<ScalarType> dtype) {
  check_mean_dtype("mean", dtype.value_or(self.dtype()), dtype ? "Optional" : "Input");
  const ScalarType result = dtype.value_or(self.dtype());
  ReducedDims dims(self, dim, "mean");
  Tensor out;
  {
    // The sum of half types may be out of their range.
    NoGradGuard no_grad;
    out = reduce("mean", Reduction::Sum, self, dims, keepdim, result, compute_dtype(result));
    out = to_dtype(out.div_(Scalar(static_cast<double>(dims.count))), result);
  }
  return record("mean", out, &self, {},
                [kept = dims.kept, count = dims.count, sizes = self.impl()->sizes,
                 from = self.dtype()](const BackwardContext& ctx) -> Grads {
                  const Tensor share = ctx.grad() / Scalar(static_cast<double>(count));
                  return {to_input_dtype(share.reshape(kept).expand(sizes), from)};
                });
}

Tensor nansum(const Tensor& self, OptionalIntArrayRef dim, bool keepdim, optional<ScalarType> dtype) {
  TENON_CHECK(!self.is_complex(), "nansum: does not support complex inputs");
  return is_floating_point(self.dtype()) ? sum(self.masked_fill(isnan(self), 0), dim, keepdim, dtype)
                                         : sum(self, dim, keepdim, dtype);
}

Tensor nanmean(const Tensor& self, OptionalIntArrayRef dim, bool keepdim, optional<ScalarType> dtype) {
  TENON_CHECK(is_differentiable(self.dtype()),
              "nanmean(): expected input to have floating point or complex dtype but got ", self.dtype());
  const Tensor missing = isnan(self);
  return sum(self.masked_fill(missing, 0), dim, keepdim, dtype) / sum(logical_not(missing), dim, keepdim);
}

Tensor prod(const Tensor& self, optional<ScalarType> dtype) {
  TENON_AUTOCAST(prod, self, dtype)
  const ScalarType result = accumulated(self, dtype);
  Tensor out = reduce("prod", Reduction::Prod, self, ReducedDims(self, nullopt, "prod"), false, result, result);
  return record("prod", out, &self, {&self, &out}, [result, from = self.dtype()](const BackwardContext& ctx) -> Grads {
    const Tensor self = ctx.saved(0), x = to_dtype(self, result).reshape({-1});
    return {to_input_dtype(prod_grad(ctx.grad(), x, ctx.saved(1), 0).reshape(self.sizes()), from)};
  });
}

Tensor prod(const Tensor& self, int64_t dim, bool keepdim, optional<ScalarType> dtype) {
  TENON_AUTOCAST(prod, self, dim, keepdim, dtype)
  const ScalarType result = accumulated(self, dtype);
  ReducedDims dims(self, dim, "prod");
  Tensor out = reduce("prod", Reduction::Prod, self, dims, keepdim, result, result);
  return record("prod", out, &self, {&self, &out},
                [result, kept = dims.kept, d = wrap_dim(dim, self.dim(), "prod"),
                 from = self.dtype()](const BackwardContext& ctx) -> Grads {
                  const Tensor x = to_dtype(ctx.saved(0), result);
                  if (x.dim() == 0) return {to_input_dtype(ctx.grad(), from)};
                  return {to_input_dtype(prod_grad(ctx.grad().reshape(kept), x, ctx.saved(1).reshape(kept), d), from)};
                });
}

Tensor any(const Tensor& self) { return truth_over("any", Reduction::Any, self, nullopt, false); }
Tensor any(const Tensor& self, OptionalIntArrayRef dim, bool keepdim) {
  return truth_over("any", Reduction::Any, self, dim, keepdim);
}
Tensor all(const Tensor& self) { return truth_over("all", Reduction::All, self, nullopt, false); }
Tensor all(const Tensor& self, OptionalIntArrayRef dim, bool keepdim) {
  return truth_over("all", Reduction::All, self, dim, keepdim);
}

Tensor count_nonzero(const Tensor& self, OptionalIntArrayRef dim) {
  return reduce("count_nonzero", Reduction::CountNonzero, self, ReducedDims(self, dim, "count_nonzero"), false,
                self.dtype(), kLong);
}

Tensor logsumexp(const Tensor& self, IntArrayRef dim, bool keepdim) {
  TENON_AUTOCAST(logsumexp, self, dim, keepdim)
  const Tensor x = to_dtype(self, to_floating(self.dtype()));
  const ReducedDims dims(x, dim, "logsumexp");
  Tensor out = shaped(logsumexp_kept(x, dims), dims, keepdim);
  return record("logsumexp", out, &x, {&x, &out}, [kept = dims.kept](const BackwardContext& ctx) -> Grads {
    Tensor result = ctx.saved(1).reshape(kept);
    // Where all are -inf, -inf - (-inf) would be NaN.
    if (!result.is_complex()) result = result.masked_fill(isneginf(result), 0);
    return {ctx.grad().reshape(kept) * conj(exp(ctx.saved(0) - result))};
  });
}

Tensor trace(const Tensor& self) {
  TENON_AUTOCAST(trace, self)
  TENON_CHECK(self.dim() == 2, "trace: expected a matrix, but got tensor with dim ", self.dim());
  return sum(self.diagonal());
}

bool equal(const Tensor& self, const Tensor& other) {
  TENON_CHECK_DEVICE(self.device() == other.device(), "equal: self is on ", self.device(), " but other is on ",
                     other.device());
  if (self.sizes() != other.sizes()) return false;
  return all(eq(self, other)).item<bool>();
}

bool allclose(const Tensor& self, const Tensor& other, double rtol, double atol, bool equal_nan) {
  return all(isclose(self, other, rtol, atol, equal_nan)).item<bool>();
}

}  // namespace tenon
