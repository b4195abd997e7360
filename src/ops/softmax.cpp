// Softmax along any dim of any layout: the dim is moved last for the kernels, which work on rows.
#include "autograd/record.h"
#include "ops/autocast.h"
#include "ops/reduction.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"
#include "tensor/make.h"

namespace tenon {
namespace {

const SoftmaxKernels& softmax_kernels(const Tensor& tensor, const char* op) {
  const Backend& backend = backend_of(tensor);
  return require(backend.softmax, backend, op);
}

Tensor softmax_grad(const char* op, bool is_log, const Tensor& grad, const Tensor& y, int64_t dim) {
  if (y.numel() == 0) return grad;
  if (!GradMode::is_enabled() && grad.dtype() == y.dtype()) {
    const Tensor grad_rows = as_rows(grad, dim), rows = as_rows(y, dim);
    Tensor out = make_tensor(rows.sizes(), y.dtype(), y.device(), op);
    softmax_kernels(y, op).backward(is_log, view_of(out), view_of(grad_rows), view_of(rows));
    return from_rows(out, y, dim);
  }
  if (is_log) return grad - exp(y) * sum(grad, dim, true);
  const Tensor weighted = grad * y;
  return weighted - y * sum(weighted, dim, true);
}

Tensor softmax_along(const char* op, bool is_log, const Tensor& self, int64_t dim, optional<ScalarType> dtype) {
  const int64_t d = wrap_dim(dim, self.dim(), op);
  const Tensor x = dtype ? to_dtype(self, *dtype) : self;
  TENON_CHECK_AS(NotImplementedError, x.is_floating_point(), op, ": not implemented for ", x.dtype(),
                 " tensors; give a floating-point dtype");
  Tensor out;
  if (x.numel() == 0) {
    out = make_tensor(x.sizes(), x.dtype(), x.device(), op);
  } else {
    const Tensor rows = as_rows(x, d);
    Tensor result = make_tensor(rows.sizes(), x.dtype(), x.device(), op);
    softmax_kernels(x, op).forward(is_log, view_of(result), view_of(rows));
    out = from_rows(result, x, d);
  }
  return record(op, out, &x, &out, [op, is_log, d](const BackwardContext& ctx) -> Grads {
    return {softmax_grad(op, is_log, ctx.grad(), ctx.saved(0), d)};
  });
}

}  // namespace

Tensor softmax(const Tensor& self, int64_t dim, optional<ScalarType> dtype) {
  TENON_AUTOCAST(softmax, self, dim, dtype)
  return softmax_along("softmax", false, self, dim, dtype);
}
Tensor log_softmax(const Tensor& self, int64_t dim, optional<ScalarType> dtype) {
  TENON_AUTOCAST(log_softmax, self, dim, dtype)
  return softmax_along("log_softmax", true, self, dim, dtype);
}
Tensor softmin(const Tensor& input, int64_t dim, optional<ScalarType> dtype) { return softmax(-input, dim, dtype); }

}  // namespace tenon
