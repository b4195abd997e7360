// Solvers with triangular matrices.
#include "autograd/record.h"
#include "ops/autocast.h"
#include "ops/edit.h"
#include "ops/linalg.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {

Tensor linalg_solve_triangular(const Tensor& self, const Tensor& B, bool upper, bool left, bool unitriangular) {
  const char* op = "linalg.solve_triangular";
  check_square_matrices(op, self);
  check_matrices(op, B, "B");
  TENON_CHECK(self.dtype() == B.dtype(), op, ": Expected A and B to have the same dtype, but found A of type ",
              self.dtype(), " and B of type ", B.dtype(), " instead");
  check_same_device(op, self, B, "B");
  TENON_CHECK(self.size(-1) == B.size(left ? -2 : -1), op, ": Incompatible shapes of A and B for the equation ",
              left ? "AX = B" : "XA = B", " (", self.size(-2), "x", self.size(-1), " and ", B.size(-2), "x", B.size(-1),
              ")");
  const DimVector batch = broadcast_shapes(batch_of(self), batch_of(B), op);
  Tensor X;
  {
    // X A = B is A^T X^T = B^T.
    NoGradGuard no_grad;
    const Tensor a = matrices_of(op, left ? self : self.mT(), batch);
    X = matrices_of(op, left ? B : B.mT(), batch);
    if (X.numel() > 0) {
      linalg_kernels(X, op).solve_triangular(MatrixBatch(X).view(), MatrixBatch(a).view(), upper == left,
                                             unitriangular);
    }
    if (!left) X = X.mT();
  }
  return record("linalg_solve_triangular", X, {&self, &B}, {&self, &X},
                [=, a_sizes = self.impl()->sizes, b_sizes = B.impl()->sizes](const BackwardContext& ctx) -> Grads {
                  const Tensor grad_b =
                      linalg_solve_triangular(ctx.saved(0).mH(), ctx.grad(), !upper, left, unitriangular);
                  Tensor grad_a;
                  if (ctx.needs(0)) {
                    const Tensor x = ctx.saved(1).mH();
                    const Tensor whole = neg(left ? matmul(grad_b, x) : matmul(x, grad_b));
                    const int64_t diagonal = unitriangular ? 1 : 0;
                    grad_a = sum_to_size(upper ? triu(whole, diagonal) : tril(whole, -diagonal), a_sizes);
                  }
                  return {grad_a, ctx.needs(1) ? sum_to_size(grad_b, b_sizes) : Tensor()};
                });
}

TwoTensors triangular_solve(const Tensor& self, const Tensor& A, bool upper, bool transpose, bool unitriangular) {
  TENON_AUTOCAST(triangular_solve, self, A, upper, transpose, unitriangular)
  const Tensor matrices = transpose ? A.mT() : A;
  return {linalg_solve_triangular(matrices, self, upper != transpose, /*left=*/true, unitriangular), A.clone()};
}

}  // namespace tenon
