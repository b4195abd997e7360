// Powers and the exponential of matrices.
#include <algorithm>
#include <array>
#include <cmath>

#include "autograd/record.h"
#include "ops/autocast.h"
#include "ops/linalg.h"
#include "ops/promotion.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

void check_square(const char* op, const Tensor& A) {
  TENON_CHECK(A.dim() >= 2 && A.size(-1) == A.size(-2), op, ": A must be batches of square matrices, got shape ",
              A.sizes());
}

// Taylor's polynomial of degree 19, which for matrices of norm up to 1 leaves out less than 1e-18: five groups of four
// terms in the first powers, joined by Horner's rule in the fourth.
Tensor taylor(const Tensor& A) {
  const Tensor square = matmul(A, A), one = eye(A.size(-1), A.options());
  const std::array<Tensor, 4> powers = {one, A, square, matmul(square, A)};
  const Tensor fourth = matmul(square, square);
  double factorial = 1;
  std::array<double, 20> inverse{};
  for (size_t k = 0; k < inverse.size(); factorial *= static_cast<double>(++k)) inverse[k] = 1 / factorial;
  Tensor result;
  for (size_t group = 5; group-- > 0;) {
    if (result.defined()) result = matmul(result, fourth);
    for (size_t i = 0; i < powers.size(); ++i) {
      const Tensor term = powers[i] * inverse[4 * group + i];
      result = result.defined() ? result + term : term;
    }
  }
  return result;
}

// exp(A) = exp(A / 2^s)^(2^s); not recorded.
Tensor exponential(const Tensor& self) {
  NoGradGuard no_grad;
  if (self.numel() == 0) return self.clone();
  const Tensor A = to_dtype(self, compute_dtype(self.dtype()));
  const Tensor norm = abs(A).sum(-2).amax(int64_t{-1});
  const Tensor halvings = nan_to_num(ceil(log2(norm)), 0.0, 0.0, 0.0).clamp(Scalar(0), Scalar(1100));
  const Tensor steps = halvings.unsqueeze(-1).unsqueeze(-1);
  Tensor result = taylor(A * exp2(-steps));
  const auto most = static_cast<int64_t>(halvings.max().item<double>());
  for (int64_t i = 0; i < most; ++i) result = where(steps.gt(i), matmul(result, result), result);
  return to_dtype(result, self.dtype());
}

// The upper right block of exp([[A^H, grad], [0, A^H]]).
Tensor exponential_backward(const Tensor& A, const Tensor& grad) {
  const Tensor adjoint = A.mH();
  const Tensor both = cat({cat({adjoint, grad}, -1), cat({zeros_like(adjoint), adjoint}, -1)}, -2);
  const int64_t n = A.size(-1);
  return linalg_matrix_exp(both).narrow(-2, 0, n).narrow(-1, n, n);
}

Tensor power(const char* op, const Tensor& self, int64_t n) {
  check_square(op, self);
  if (n == 0) {
    const Tensor result = self.clone(MemoryFormat::Contiguous);
    result.copy_(eye(self.size(-1), self.options()));
    return result;
  }
  Tensor base = n < 0 ? linalg_inv(self) : self, result;
  for (uint64_t rest = n < 0 ? 0 - static_cast<uint64_t>(n) : static_cast<uint64_t>(n); rest > 0; rest /= 2) {
    if (rest % 2) result = result.defined() ? matmul(result, base) : base;
    if (rest > 1) base = matmul(base, base);
  }
  return n == 1 ? result.clone() : result;
}

}  // namespace

Tensor linalg_matrix_exp(const Tensor& self) {
  const char* op = "linalg.matrix_exp";
  check_square(op, self);
  TENON_CHECK(is_differentiable(self.dtype()), op, ": Expected a floating point or complex tensor as A. Got ",
              self.dtype());
  return record("linalg_matrix_exp", exponential(self), &self, &self,
                [](const BackwardContext& ctx) -> Grads { return {exponential_backward(ctx.saved(0), ctx.grad())}; });
}
Tensor matrix_exp(const Tensor& self) { return linalg_matrix_exp(self); }

Tensor linalg_matrix_power(const Tensor& self, int64_t n) {
  TENON_AUTOCAST(linalg_matrix_power, self, n)
  return power("linalg.matrix_power", self, n);
}
Tensor matrix_power(const Tensor& self, int64_t n) {
  TENON_AUTOCAST(matrix_power, self, n)
  return power("matrix_power", self, n);
}

}  // namespace tenon
