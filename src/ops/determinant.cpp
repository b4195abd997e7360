// Determinants by LU factors, and their gradients.
#include <cmath>
#include <limits>

#include "autograd/record.h"
#include "ops/linalg.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

// The diagonal of U, and the sign of the permutation. Not recorded.
struct Diagonal {
  Tensor values, sign;

  Diagonal(const char* op, const Tensor& A) {
    check_square_matrices(op, A);
    const auto [LU, pivots, info] = linalg_lu_factor_ex(A);
    values = LU.diagonal(0, -2, -1);
    const Tensor unswapped = arange(1, A.size(-1) + 1, 1, pivots.options());
    sign = (1 - pivots.ne(unswapped).sum(-1).remainder(2) * 2).to(A.dtype());
  }
};

// x times the identity matrix of n rows, for each x.
Tensor times_identity(const Tensor& x, int64_t n, const TensorOptions& options) {
  return x.unsqueeze(-1).unsqueeze(-1) * eye(n, options);
}

// conj(det(A)) * A^-H, the matrix of conjugated cofactors, through singular values where there is no inverse.
Tensor det_backward(const Tensor& A, const Tensor& det, const Tensor& grad) {
  if (!any(det.eq(0)).item<bool>()) {
    return linalg_solve(A.mH(), times_identity(grad * det.conj(), A.size(-1), A.options()));
  }
  const auto [U, S, Vh] = linalg_svd(A);
  const int64_t n = A.size(-1);
  // Each singular value's product of the others.
  std::vector<Tensor> others;
  for (int64_t i = 0; i < n; ++i) {
    others.push_back(S.narrow(-1, 0, i).prod(-1) * S.narrow(-1, i + 1, n - i - 1).prod(-1));
  }
  const Tensor phase = (linalg_det(U) * linalg_det(Vh)).conj();
  return matmul(U, scale_rows(Vh, stack(others, -1))) * (grad * phase).unsqueeze(-1).unsqueeze(-1);
}

TwoTensors sign_and_log(const char* op, const Tensor& A) {
  Tensor sign, logarithm;
  {
    NoGradGuard no_grad;
    const Diagonal diagonal(op, A);
    sign = sgn(diagonal.values).prod(-1) * diagonal.sign;
    logarithm = log(abs(diagonal.values)).sum(-1);
  }
  const Tensor* outputs[] = {&sign, &logarithm};
  record_all("linalg_slogdet", TensorPointers(outputs, 2), &A, {&A, &sign}, [](const BackwardContext& ctx) -> Grads {
    // The sign of a real matrix does not change; of a complex one it turns with the imaginary part of log(det).
    const Tensor matrices = ctx.saved(0);
    Tensor grad = ctx.grad(1);
    if (ctx.grad(0).defined() && matrices.is_complex()) {
      const Tensor turn = ctx.grad(0) * ctx.saved(1).conj();
      const Tensor imaginary = (turn - turn.conj()) * 0.5;
      grad = grad.defined() ? imaginary + grad : imaginary;
    }
    if (!grad.defined()) return {Tensor()};
    return {linalg_solve(matrices.mH(), times_identity(grad, matrices.size(-1), matrices.options()))};
  });
  return {sign, logarithm};
}

Tensor determinant(const char* op, const Tensor& A) {
  Tensor det;
  {
    NoGradGuard no_grad;
    const Diagonal diagonal(op, A);
    det = diagonal.values.prod(-1) * diagonal.sign;
  }
  return record("linalg_det", det, &A, {&A, &det}, [](const BackwardContext& ctx) -> Grads {
    return {det_backward(ctx.saved(0), ctx.saved(1), ctx.grad())};
  });
}

}  // namespace

Tensor linalg_det(const Tensor& A) { return determinant("linalg.det", A); }
Tensor det(const Tensor& self) { return determinant("det", self); }

TwoTensors linalg_slogdet(const Tensor& A) { return sign_and_log("linalg.slogdet", A); }
TwoTensors slogdet(const Tensor& self) { return sign_and_log("slogdet", self); }

Tensor logdet(const Tensor& self) {
  const auto [sign, logarithm] = sign_and_log("logdet", self);
  if (self.is_complex()) return log(sign) + logarithm;
  return where(sign.eq(-1), Scalar(std::numeric_limits<double>::quiet_NaN()), logarithm);
}

}  // namespace tenon
