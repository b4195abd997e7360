// The QR decomposition and its gradient.
#include <algorithm>

#include "autograd/record.h"
#include "ops/autocast.h"
#include "ops/linalg.h"
#include "tenon/ops/ops.h"
#include "tensor/make.h"

namespace tenon {
namespace {

Tensor with_half_diagonal(const Tensor& square) {
  return square * (1 - eye(square.size(-1), square.options()) * 0.5);
}

// Let M = gR R^H - Q^H gQ. For m >= n the gradient of A is (gQ + Q H) R^-H, where H is Hermitian with M's upper
// triangle. In wide matrices Q depends on the first m columns of A alone.
Tensor qr_backward(const Tensor& Q, const Tensor& R, const Tensor& grad_q, const Tensor& grad_r) {
  const int64_t m = Q.size(-2), n = R.size(-1);
  Tensor inner;
  if (grad_r.defined()) inner = matmul(grad_r, R.mH());
  if (grad_q.defined()) {
    const Tensor part = matmul(Q.mH(), grad_q);
    inner = inner.defined() ? inner - part : neg(part);
  }
  if (!inner.defined()) return Tensor();
  if (m >= n) {
    const Tensor upper = triu(inner);
    Tensor whole = matmul(Q, with_half_diagonal(upper + upper.mH()));
    if (grad_q.defined()) whole = whole + grad_q;
    return linalg_solve_triangular(R.mH(), whole, /*upper=*/false, /*left=*/false);
  }
  const Tensor skew = with_half_diagonal(tril(inner.mH() - inner));
  const Tensor square = linalg_solve_triangular(R.narrow(-1, 0, m).mH(), skew, /*upper=*/false, /*left=*/false);
  DimVector rest = square.sizes();
  rest.back() = n - m;
  Tensor whole = cat({square, zeros(rest, square.options())}, -1);
  if (grad_r.defined()) whole = whole + grad_r;
  return matmul(Q, whole);
}

}  // namespace

TwoTensors linalg_qr(const Tensor& A, std::string_view mode) {
  TENON_AUTOCAST(linalg_qr, A, mode)
  const char* op = "linalg.qr";
  check_matrices(op, A);
  const bool complete = mode == "complete", only_r = mode == "r";
  TENON_CHECK(complete || only_r || mode == "reduced", op, ": received unrecognized mode '", mode,
              "' but expected one of 'reduced' (default), 'r', or 'complete'");
  const int64_t m = A.size(-2), n = A.size(-1), k = complete ? m : std::min(m, n);
  Tensor Q = only_r ? make_tensor({0}, A.dtype(), A.device(), op) : make_matrices(op, batch_of(A), m, k, A);
  Tensor R = make_matrices(op, batch_of(A), k, n, A);
  if (A.numel() > 0) {
    const Tensor a = matrices_of(op, A, batch_of(A));
    const TensorView none;
    linalg_kernels(A, op).qr(only_r ? none : MatrixBatch(Q).view(), MatrixBatch(R).view(), MatrixBatch(a).view());
  } else if (Q.numel() > 0) {
    NoGradGuard no_grad;
    Q.copy_(eye(m, k, A.options().requires_grad(false)));
  }
  const Tensor* outputs[] = {&Q, &R};
  record_all("linalg_qr", TensorPointers(outputs, 2), &A, {&Q, &R},
             [=](const BackwardContext& ctx) -> Grads {
               TENON_CHECK(!only_r,
                           "linalg.qr: the derivative depends on Q, which is not computed when mode='r'. Please use "
                           "linalg.qr(A, mode='reduced') if you are going to require gradients");
               TENON_CHECK(!complete || m <= n,
                           "linalg.qr: not differentiable when mode='complete' and nrows > ncols, got ", m, " and ", n);
               return {qr_backward(ctx.saved(0), ctx.saved(1), ctx.grad(0), ctx.grad(1))};
             });
  return {Q, R};
}

TwoTensors qr(const Tensor& self, bool some) {
  TENON_AUTOCAST(qr, self, some)
  return linalg_qr(self, some ? "reduced" : "complete");
}

}  // namespace tenon
