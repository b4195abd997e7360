// Cholesky factors, their gradient, and what is solved by them.
#include "autograd/record.h"
#include "ops/autocast.h"
#include "ops/linalg.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

std::string not_positive(int32_t order) {
  return concat(
      "The factorization could not be completed because the input is not positive-definite (the leading minor "
      "of order ",
      order, " is not positive-definite).");
}

// L^-H S L^-1, where S has the lower triangle of L^H gL and its reflection, both by half.
Tensor cholesky_backward(const Tensor& L, const Tensor& grad) {
  const Tensor lower = tril(matmul(L.mH(), grad));
  const Tensor inner = (lower + tril(lower, -1).mH()) * 0.5;
  const Tensor left = linalg_solve_triangular(L.mH(), inner, /*upper=*/true);
  return linalg_solve_triangular(L, left, /*upper=*/false, /*left=*/false);
}

TwoTensors factors(const char* op, const Tensor& self, bool upper, bool check_errors) {
  check_square_matrices(op, self);
  Tensor factor, info = make_infos(batch_of(self), self);
  {
    NoGradGuard no_grad;
    factor = matrices_of(op, upper ? self.mH() : self, batch_of(self));
    if (factor.numel() > 0) {
      linalg_kernels(self, op).cholesky(MatrixBatch(factor).view(), VectorBatch(info).view());
    }
    factor.tril_();
    if (upper) factor = factor.mH();
  }
  if (check_errors) check_infos(op, info, not_positive);
  factor = record("linalg_cholesky_ex", factor, &self, &factor, [upper](const BackwardContext& ctx) -> Grads {
    const Tensor L = ctx.saved(0), grad = ctx.grad();
    return {upper ? cholesky_backward(L.mH(), grad.mH()) : cholesky_backward(L, grad)};
  });
  return {factor, info};
}

}  // namespace

TwoTensors linalg_cholesky_ex(const Tensor& self, bool upper, bool check_errors) {
  TENON_AUTOCAST(linalg_cholesky_ex, self, upper, check_errors)
  return factors("linalg.cholesky_ex", self, upper, check_errors);
}
Tensor linalg_cholesky(const Tensor& self, bool upper) {
  TENON_AUTOCAST(linalg_cholesky, self, upper)
  return std::get<0>(factors("linalg.cholesky", self, upper, true));
}
Tensor cholesky(const Tensor& self, bool upper) {
  TENON_AUTOCAST(cholesky, self, upper)
  return std::get<0>(factors("cholesky", self, upper, true));
}

Tensor cholesky_solve(const Tensor& self, const Tensor& input2, bool upper) {
  TENON_AUTOCAST(cholesky_solve, self, input2, upper)
  const char* op = "cholesky_solve";
  check_matrices(op, self, "B");
  check_square_matrices(op, input2);
  check_alike(op, input2, self);
  TENON_CHECK(self.size(-2) == input2.size(-1), op, ": Incompatible matrix sizes: each A matrix is ", input2.size(-1),
              " by ", input2.size(-1), " but each b matrix is ", self.size(-2), " by ", self.size(-1));
  const Tensor half = linalg_solve_triangular(upper ? input2.mH() : input2, self, /*upper=*/false);
  return linalg_solve_triangular(upper ? input2 : input2.mH(), half, /*upper=*/true);
}

Tensor cholesky_inverse(const Tensor& self, bool upper) {
  TENON_AUTOCAST(cholesky_inverse, self, upper)
  check_square_matrices("cholesky_inverse", self);
  return cholesky_solve(eye(self.size(-1), self.options()), self, upper);
}

}  // namespace tenon
