// Cumulative ops along a dim, and differences of neighbours.
#include <limits>

#include "autograd/record.h"
#include "backend/kernels_of.h"
#include "ops/autocast.h"
#include "ops/elementwise.h"
#include "ops/promotion.h"
#include "ops/reduction.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"
#include "tensor/make.h"

namespace tenon {
namespace {

// The scan of x in its own dtype, with indices where `indices` is not null; not recorded.
Tensor run_scan(const char* op, Scan scan, const Tensor& x, int64_t dim, Tensor* indices = nullptr) {
  Tensor out = make_tensor(x.sizes(), x.dtype(), x.device(), op);
  if (indices) *indices = make_tensor(x.sizes(), kLong, x.device(), op);
  if (x.numel() == 0) return out;
  kernels_of<&Backend::scan>(x.device(), op)
      .scan(scan, view_of(out), indices ? view_of(*indices) : TensorView(), view_of(x), dim);
  return out;
}

Tensor widened(const Tensor& self, optional<ScalarType> dtype) {
  return to_dtype(self, dtype.value_or(is_integral(self.dtype(), true) ? kLong : self.dtype()));
}

Tensor reversed_cumsum(const Tensor& x, int64_t dim) {
  return x.dim() == 0 ? x : x.flip({dim}).cumsum(dim).flip({dim});
}

// The gradient of cumprod where x has zeros, differentiable as a whole: for each i the sum over j >= i of grad_j times
// the product of all x up to j but x_i.
Tensor cumprod_grad_by_products(const Tensor& grad, const Tensor& x, int64_t dim) {
  const int64_t n = x.size(dim);
  std::vector<Tensor> parts;
  Tensor before = ones_like(x.narrow(dim, 0, 1));
  for (int64_t i = 0; i < n; ++i) {
    Tensor products = before;
    if (i + 1 < n) products = cat({before, before * x.narrow(dim, i + 1, n - i - 1).cumprod(dim)}, dim);
    parts.push_back(sum(grad.narrow(dim, i, n - i) * conj(products), dim, true));
    before = before * x.narrow(dim, i, 1);
  }
  return cat(parts, dim);
}

Tensor cumprod_grad(const Tensor& grad, const Tensor& x, const Tensor& result, int64_t dim) {
  if (x.numel() <= 1) return grad;
  const Tensor is_zero = x.eq(0);
  if (!any(is_zero).item<bool>()) return reversed_cumsum(grad * conj(result), dim) / conj(x);
  if (GradMode::is_enabled()) return cumprod_grad_by_products(grad, x, dim);
  // Before the first zero as ever; the first zero receives what the products without it do; later ones nothing.
  const Tensor zeros_so_far = is_zero.cumsum(dim);
  const Tensor is_first = is_zero & zeros_so_far.eq(1);
  const Tensor without_first = x.masked_fill(is_first, 1).cumprod(dim).masked_fill(zeros_so_far.eq(0), 0);
  const Tensor to_first = sum(grad * conj(without_first), dim, true);
  const Tensor usual = reversed_cumsum(grad * conj(result), dim) / conj(x.masked_fill(is_zero, 1));
  return where(is_first, to_first, usual.masked_fill(zeros_so_far.ne(0), 0));
}

Tensor logcumsumexp_grad(const Tensor& grad, const Tensor& x, const Tensor& result, int64_t dim) {
  // Positive and negative gradients accumulate apart, as logarithms.
  const double lowest = to_real(x.dtype()) == kDouble ? std::numeric_limits<double>::lowest()
                        : x.dtype() == kHalf ? -65504.0
                                             : static_cast<double>(std::numeric_limits<float>::lowest()) * 0.99;
  if (x.is_complex()) {
    const Tensor terms = log(grad).masked_fill(grad.eq(0), lowest) - conj(result);
    return exp(terms.flip({dim}).logcumsumexp(dim).flip({dim}) + conj(x));
  }
  const Tensor size = log(abs(grad));
  auto accumulated = [&](const Tensor& kept) {
    const Tensor terms = size.masked_fill(logical_not(kept), lowest) - result;
    return exp(terms.flip({dim}).logcumsumexp(dim).flip({dim}) + x);
  };
  return accumulated(grad.gt(0)) - accumulated(grad.lt(0));
}

ValuesIndices scan_extreme(const char* op, Scan scan, const Tensor& self, int64_t dim) {
  check_real(op, self);
  const int64_t d = wrap_dim(dim, self.dim(), op);
  Tensor indices;
  Tensor values = run_scan(op, scan, self, d, &indices);
  values = record(op, values, &self, &indices, [d](const BackwardContext& ctx) -> Grads {
    const Tensor grad = ctx.grad();
    return {grad.dim() == 0 || grad.numel() == 0 ? grad : zeros_like(grad).scatter_add(d, ctx.saved(0), grad)};
  });
  return {values, indices};
}

}  // namespace

Tensor cumsum(const Tensor& self, int64_t dim, optional<ScalarType> dtype) {
  TENON_AUTOCAST(cumsum, self, dim, dtype)
  const int64_t d = wrap_dim(dim, self.dim(), "cumsum");
  const Tensor x = widened(self, dtype);
  return record("cumsum", run_scan("cumsum", Scan::Sum, x, d), &x, {},
                [d](const BackwardContext& ctx) -> Grads { return {reversed_cumsum(ctx.grad(), d)}; });
}
const Tensor& cumsum_(const Tensor& self, int64_t dim, optional<ScalarType> dtype) {
  return replace_inplace("cumsum", self, [&](const Tensor& x) { return cumsum(x, dim, dtype.value_or(x.dtype())); });
}

Tensor cumprod(const Tensor& self, int64_t dim, optional<ScalarType> dtype) {
  TENON_AUTOCAST(cumprod, self, dim, dtype)
  const int64_t d = wrap_dim(dim, self.dim(), "cumprod");
  const Tensor x = widened(self, dtype);
  Tensor out = run_scan("cumprod", Scan::Prod, x, d);
  return record("cumprod", out, &x, {&x, &out}, [d](const BackwardContext& ctx) -> Grads {
    return {cumprod_grad(ctx.grad(), ctx.saved(0), ctx.saved(1), d)};
  });
}
const Tensor& cumprod_(const Tensor& self, int64_t dim, optional<ScalarType> dtype) {
  return replace_inplace("cumprod", self, [&](const Tensor& x) { return cumprod(x, dim, dtype.value_or(x.dtype())); });
}

Tensor logcumsumexp(const Tensor& self, int64_t dim) {
  TENON_CHECK_AS(NotImplementedError, is_differentiable(self.dtype()), "logcumsumexp: not implemented for ",
                 self.dtype(), " tensors; it takes floating-point and complex ones");
  const int64_t d = wrap_dim(dim, self.dim(), "logcumsumexp");
  Tensor out = run_scan("logcumsumexp", Scan::LogSumExp, self, d);
  return record("logcumsumexp", out, &self, {&self, &out}, [d](const BackwardContext& ctx) -> Grads {
    if (ctx.grad().dim() == 0) return {ctx.grad()};
    return {logcumsumexp_grad(ctx.grad(), ctx.saved(0), ctx.saved(1), d)};
  });
}

ValuesIndices cummax(const Tensor& self, int64_t dim) { return scan_extreme("cummax", Scan::Max, self, dim); }
ValuesIndices cummin(const Tensor& self, int64_t dim) { return scan_extreme("cummin", Scan::Min, self, dim); }

Tensor diff(const Tensor& self, int64_t n, int64_t dim, const optional<Tensor>& prepend,
            const optional<Tensor>& append) {
  TENON_CHECK(self.dim() > 0, "diff: expects input to be at least one-dimensional");
  TENON_CHECK(n >= 0, "diff: order must be non-negative but got ", n);
  const int64_t d = wrap_dim(dim, self.dim(), "diff");
  std::vector<Tensor> parts;
  if (prepend) parts.push_back(*prepend);
  parts.push_back(self);
  if (append) parts.push_back(*append);
  Tensor out = n > 0 && parts.size() > 1 ? cat(parts, d) : self.clone();
  for (int64_t i = 0; i < n && out.size(d) > 0; ++i) {
    const int64_t length = out.size(d) - 1;
    const Tensor next = out.narrow(d, 1, length), last = out.narrow(d, 0, length);
    out = out.dtype() == kBool ? logical_xor(next, last) : next - last;
  }
  return out;
}

}  // namespace tenon
