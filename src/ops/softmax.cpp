// Softmax along any dim of any layout: the dim is moved last for the kernels, which work on rows.
#include "ops/softmax.h"

#include "autograd/record.h"
#include "backend/kernels_of.h"
#include "ops/autocast.h"
#include "ops/reduction.h"
#include "ops/same_device.h"
#include "tenon/base/shape.h"
#include "tensor/make.h"

namespace tenon {
namespace {

const SoftmaxKernels& softmax_kernels(const Tensor& tensor, const char* op) {
  return kernels_of<&Backend::softmax>(tensor.device(), op);
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

// What kernel(result, rows) makes of x, whose dim d lies along the rows.
template <class Kernel>
Tensor softmax_by(const char* op, bool is_log, const Tensor& x, int64_t d, const Kernel& kernel) {
  Tensor out;
  if (x.numel() == 0) {
    out = make_tensor(x.sizes(), x.dtype(), x.device(), op);
  } else {
    const Tensor rows = as_rows(x, d);
    Tensor result = make_tensor(rows.sizes(), x.dtype(), x.device(), op);
    kernel(view_of(result), view_of(rows));
    out = from_rows(result, x, d);
  }
  return record(op, out, &x, &out, [op, is_log, d](const BackwardContext& ctx) -> Grads {
    return {softmax_grad(op, is_log, ctx.grad(), ctx.saved(0), d)};
  });
}

Tensor softmax_along(const char* op, bool is_log, const Tensor& self, int64_t dim, optional<ScalarType> dtype) {
  const int64_t d = wrap_dim(dim, self.dim(), op);
  const Tensor x = dtype ? to_dtype(self, *dtype) : self;
  TENON_CHECK_AS(NotImplementedError, x.is_floating_point(), op, ": not implemented for ", x.dtype(),
                 " tensors; give a floating-point dtype");
  return softmax_by(op, is_log, x, d, [&](const TensorView& out, const TensorView& in) {
    softmax_kernels(x, op).forward(is_log, out, in);
  });
}

// What the input of class_loss receives, from the gradients of the losses, [rows], and of the logarithms y.
Tensor class_loss_grad(const Tensor& grad, const Tensor& grad_y, const Tensor& y, const Tensor& classes,
                       int64_t ignored) {
  Tensor result;
  if (grad.defined() && !GradMode::is_enabled()) {
    const Tensor grads = grad.expand({y.size(0)});
    result = make_tensor(y.sizes(), y.dtype(), y.device(), "cross_entropy");
    softmax_kernels(y, "cross_entropy")
        .class_backward(view_of(result), view_of(grads), view_of(y), view_of(classes), ignored);
  } else if (grad.defined()) {
    const Tensor counted = ne(classes, ignored), index = masked_fill(classes, logical_not(counted), 0).unsqueeze(1);
    const Tensor grads = mul(grad.expand({y.size(0)}), to_dtype(counted, y.dtype())).unsqueeze(1);
    result = (exp(y) * grads).scatter_add(1, index, -grads);
  }
  if (!grad_y.defined()) return result;
  const Tensor of_y = softmax_grad("log_softmax", true, grad_y, y, 1);
  return result.defined() ? result + of_y : of_y;
}

}  // namespace

bool has_fused_softmax(const Tensor& tensor) {
  const SoftmaxKernels* kernels = kernels_or_null<&Backend::softmax>(tensor.device());
  return kernels != nullptr && kernels->causal != nullptr;
}

Tensor causal_softmax(const Tensor& scores) {
  return softmax_by("softmax", false, scores, scores.dim() - 1, [&](const TensorView& out, const TensorView& in) {
    softmax_kernels(scores, "softmax").causal(out, in, scores.size(-2));
  });
}

Tensor class_loss(const Tensor& input, const Tensor& classes, int64_t ignored, std::string_view reduction) {
  constexpr const char* kOp = "cross_entropy";
  check_same_device(kOp, input, classes, "target");
  Tensor loss, y;
  double share = 1;  // of a row in the loss
  {
    NoGradGuard no_grad;
    y = log_softmax(input, 1);
    loss = make_tensor({input.size(0)}, input.dtype(), input.device(), kOp);
    const int64_t count =
        softmax_kernels(input, kOp).class_losses(view_of(loss), view_of(y), view_of(classes), ignored);
    if (count < 0) return Tensor();
    if (reduction != "none") loss = loss.sum();
    if (reduction == "mean") {
      loss.div_(count);
      share = count > 0 ? 1.0 / static_cast<double>(count) : 0;
    }
  }
  // The logarithms are an output, so that their own gradient is known where the gradient is differentiated.
  record_all(kOp, {&loss, &y}, {&input}, {&y, &classes}, [ignored, share](const BackwardContext& ctx) -> Grads {
    const Tensor& grad = ctx.grad(0);
    return {class_loss_grad(grad.defined() && share != 1 ? mul(grad, share) : grad, ctx.grad(1), ctx.saved(0),
                            ctx.saved(1), ignored)};
  });
  return shown_as("NllLossBackward0", loss);
}

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
