// Solving with square matrices, inverses, and both for tensors seen as matrices.
#include <algorithm>

#include "autograd/record.h"
#include "ops/autocast.h"
#include "ops/linalg.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

std::string singular(int32_t) { return "The solver failed because the input matrix is singular."; }
std::string not_invertible(int32_t number) {
  return concat("The diagonal element ", number,
                " is zero, the inversion could not be completed because the input "
                "matrix is singular.");
}

struct Factors {
  Tensor LU, pivots, info;

  Factors(const char* op, const Tensor& A)
      : LU(matrices_of(op, A, batch_of(A))),
        pivots(make_vectors(op, batch_of(A), A.size(-1), kInt, A)),
        info(make_infos(batch_of(A), A)) {
    if (A.numel() == 0) return;
    linalg_kernels(A, op).lu(MatrixBatch(LU).view(), VectorBatch(pivots).view(), VectorBatch(info).view());
  }

  // Solves A @ x = b in place of x, matrices of make_matrices.
  void solve(const char* op, const Tensor& x, bool adjoint) const {
    if (x.numel() == 0) return;
    Tensor factors = LU, rows = pivots;
    if (batch_of(x) != batch_of(LU)) {
      DimVector sizes = batch_of(x);
      sizes.push_back(LU.size(-1));
      factors = matrices_of(op, LU, batch_of(x));
      rows = pivots.expand(sizes).contiguous();
    }
    linalg_kernels(x, op).lu_solve(MatrixBatch(x).view(), MatrixBatch(factors).view(), VectorBatch(rows).view(),
                                   adjoint);
  }
};

TwoTensors solve(const char* op, const Tensor& A, const Tensor& B, bool left, bool check_errors) {
  check_square_matrices(op, A);
  check_alike(op, A, B);
  const bool vectors = holds_vectors(A, B);
  TENON_CHECK(left || !vectors, op,
              ": Vector broadcasting of the left hand side is not supported for left=False. In "
              "this case linalg.solve is equivalent to B / A.squeeze(-1)");
  const Tensor b = vectors ? B.unsqueeze(-1) : B;
  check_matrices(op, b, "B");
  const int64_t n = A.size(-1);
  TENON_CHECK(b.size(left ? -2 : -1) == n, op, ": Incompatible shapes of A and B for the equation ",
              left ? "AX = B" : "XA = B", " (", n, "x", n, " and ", b.size(-2), "x", b.size(-1), ")");
  const DimVector batch = broadcast_shapes(batch_of(A), batch_of(b), op);
  Tensor X, LU, pivots, info;
  {
    // X A = B is A^H X^H = B^H.
    NoGradGuard no_grad;
    const Factors factors(op, A);
    X = matrices_of(op, left ? b : b.mH(), batch);
    factors.solve(op, X, /*adjoint=*/!left);
    if (!left) X = X.mH();
    LU = factors.LU;
    pivots = factors.pivots;
    info = factors.info;
  }
  if (check_errors) check_infos(op, info, singular);
  X = record("linalg_solve_ex", X, {&A, &b}, {&A, &X, &LU, &pivots},
             [left, b_sizes = b.impl()->sizes](const BackwardContext& ctx) -> Grads {
               const Tensor matrices = ctx.saved(0), x = ctx.saved(1).mH();
               // The factors, at hand, are not part of the graph.
               const Tensor grad_b = GradMode::is_enabled()
                                         ? linalg_solve(matrices.mH(), ctx.grad(), left)
                                         : linalg_lu_solve(ctx.saved(2), ctx.saved(3), ctx.grad(), left, true);
               Tensor grad_a;
               if (ctx.needs(0)) {
                 grad_a = sum_to_size(neg(left ? matmul(grad_b, x) : matmul(x, grad_b)), matrices.sizes());
               }
               return {grad_a, ctx.needs(1) ? sum_to_size(grad_b, b_sizes) : Tensor()};
             });
  return {vectors ? X.squeeze(-1) : X, info};
}

TwoTensors invert(const char* op, const Tensor& A, bool check_errors) {
  check_square_matrices(op, A);
  Tensor inverse, info;
  {
    NoGradGuard no_grad;
    const Factors factors(op, A);
    inverse = matrices_of(op, eye(A.size(-1), A.options()), batch_of(A));
    factors.solve(op, inverse, /*adjoint=*/false);
    info = factors.info;
  }
  if (check_errors) check_infos(op, info, not_invertible);
  inverse = record("linalg_inv_ex", inverse, &A, &inverse, [](const BackwardContext& ctx) -> Grads {
    const Tensor adjoint = ctx.saved(0).mH();
    return {neg(matmul(adjoint, matmul(ctx.grad(), adjoint)))};
  });
  return {inverse, info};
}

}  // namespace

TwoTensors linalg_solve_ex(const Tensor& A, const Tensor& B, bool left, bool check_errors) {
  return solve("linalg.solve_ex", A, B, left, check_errors);
}
Tensor linalg_solve(const Tensor& A, const Tensor& B, bool left) {
  TENON_AUTOCAST(linalg_solve, A, B, left)
  return std::get<0>(solve("linalg.solve", A, B, left, true));
}

TwoTensors linalg_inv_ex(const Tensor& A, bool check_errors) {
  TENON_AUTOCAST(linalg_inv_ex, A, check_errors)
  return invert("linalg.inv_ex", A, check_errors);
}
Tensor linalg_inv(const Tensor& A) {
  TENON_AUTOCAST(linalg_inv, A)
  return std::get<0>(invert("linalg.inv", A, true));
}
Tensor inverse(const Tensor& self) {
  TENON_AUTOCAST(inverse, self)
  return std::get<0>(invert("inverse", self, true));
}

Tensor linalg_tensorsolve(const Tensor& self, const Tensor& other, OptionalIntArrayRef dims) {
  TENON_AUTOCAST(linalg_tensorsolve, self, other, dims)
  const char* op = "linalg.tensorsolve";
  Tensor A = self;
  if (dims) {
    DimVector destination;
    for (size_t i = 0; i < dims->size(); ++i) {
      destination.push_back(self.dim() - static_cast<int64_t>(dims->size()) + static_cast<int64_t>(i));
    }
    A = movedim(self, *dims, destination);
  }
  TENON_CHECK(A.dim() >= other.dim(), op, ": self of shape ", A.sizes(),
              " must have at least as many dims as other of "
              "shape ",
              other.sizes());
  const IntArrayRef unknown = A.sizes().slice(static_cast<size_t>(other.dim()));
  const int64_t rows = other.numel(), columns = checked_numel(unknown, op);
  TENON_CHECK(rows == columns, op,
              ": Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
              "prod(self.shape[:other.ndim]), but got ",
              columns, " != ", rows);
  return linalg_solve(A.reshape({rows, columns}), other.flatten()).reshape(unknown);
}

Tensor linalg_tensorinv(const Tensor& self, int64_t ind) {
  TENON_AUTOCAST(linalg_tensorinv, self, ind)
  const char* op = "linalg.tensorinv";
  TENON_CHECK(ind > 0, op, ": Expected a strictly positive integer for 'ind', got ", ind);
  TENON_CHECK(ind <= self.dim(), op, ": 'ind' is ", ind, ", but self has ", self.dim(), " dims");
  const auto split = static_cast<size_t>(ind);
  const IntArrayRef before = self.sizes().slice(0, split), after = self.sizes().slice(split);
  const int64_t rows = checked_numel(before, op), columns = checked_numel(after, op);
  TENON_CHECK(rows == columns, op,
              ": Expected self to satisfy the requirement prod(self.shape[ind:]) == "
              "prod(self.shape[:ind]), but got ",
              columns, " != ", rows);
  DimVector sizes = after;
  for (int64_t size : before) sizes.push_back(size);
  return linalg_inv(self.reshape({rows, columns})).reshape(sizes);
}

}  // namespace tenon
