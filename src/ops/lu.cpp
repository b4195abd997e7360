// LU factors, their gradient, and what is solved by them.
#include <algorithm>
#include <numeric>

#include "autograd/record.h"
#include "ops/autocast.h"
#include "ops/linalg.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"
#include "tensor/make.h"

namespace tenon {
namespace {

std::string zero_pivot(int32_t number) {
  return concat("U[", number, ",", number,
                "] is zero and using it on lu_solve would result in a division by zero. If "
                "you still want to perform the factorization, consider calling linalg.lu(A, pivot) or "
                "linalg.lu_factor_ex(A, pivot)");
}

Tensor solve_adjoint_of_lower(const Tensor& L, const Tensor& B) {
  return linalg_solve_triangular(L.mH(), B, /*upper=*/true, /*left=*/true, /*unitriangular=*/true);
}
Tensor solve_right_adjoint_of_upper(const Tensor& U, const Tensor& B) {
  return linalg_solve_triangular(U.mH(), B, /*upper=*/false, /*left=*/false);
}

// Of A = P L U, where L1 and U1 are the square parts: L1^-1 P^T dA1 U1^-1 has the differential of L, times L1^-1, below
// its diagonal and that of U, times U1^-1, above. What is outside the square follows from it.
Tensor lu_backward(const Tensor& P, const Tensor& L, const Tensor& U, const Tensor& grad_l, const Tensor& grad_u) {
  const int64_t m = L.size(-2), n = U.size(-1), k = L.size(-1);
  const Tensor L1 = L.narrow(-2, 0, k), U1 = U.narrow(-1, 0, k);
  Tensor lower = matmul(L1.mH(), grad_l.narrow(-2, 0, k)), upper = matmul(grad_u.narrow(-1, 0, k), U1.mH());
  const Tensor grad_below = grad_l.narrow(-2, k, m - k), grad_beside = grad_u.narrow(-1, k, n - k);
  if (n > k) lower = lower - matmul(grad_beside, U.narrow(-1, k, n - k).mH());
  if (m > k) upper = upper - matmul(L.narrow(-2, k, m - k).mH(), grad_below);
  Tensor whole = solve_right_adjoint_of_upper(U1, solve_adjoint_of_lower(L1, tril(lower, -1) + triu(upper)));
  if (n > k) whole = cat({whole, solve_adjoint_of_lower(L1, grad_beside)}, -1);
  if (m > k) whole = cat({whole, solve_right_adjoint_of_upper(U1, grad_below)}, -2);
  return matmul(P, whole);
}

ThreeTensors factors(const char* op, const Tensor& A, bool pivot) {
  check_matrices(op, A);
  TENON_CHECK(pivot, op, ": LU without pivoting is not implemented on the CPU");
  const int64_t k = std::min(A.size(-2), A.size(-1));
  Tensor LU = matrices_of(op, A, batch_of(A)), info = make_infos(batch_of(A), A);
  const Tensor pivots = make_vectors(op, batch_of(A), k, kInt, A);
  if (LU.numel() > 0) {
    linalg_kernels(A, op).lu(MatrixBatch(LU).view(), VectorBatch(pivots).view(), VectorBatch(info).view());
  }
  LU = record("linalg_lu_factor_ex", LU, &A, {&LU, &pivots}, [k](const BackwardContext& ctx) -> Grads {
    const auto [P, L, U] = lu_unpack(ctx.saved(0), ctx.saved(1));
    const Tensor& grad = ctx.grad();
    return {lu_backward(P, L, U, tril(grad.narrow(-1, 0, k), -1), triu(grad.narrow(-2, 0, k)))};
  });
  return {LU, pivots, info};
}

// The pivots on the CPU. Throws unless they are int32 numbers from 1 to `rows`, `count` for each matrix of LU.
Tensor checked_pivots(const char* op, const Tensor& LU, const Tensor& pivots, int64_t rows, int64_t count) {
  TENON_CHECK(pivots.dtype() == kInt, op, ": pivots must be of dtype int32 (as linalg.lu_factor gives them), got ",
              pivots.dtype());
  DimVector expected = batch_of(LU);
  expected.push_back(count);
  TENON_CHECK(pivots.sizes() == expected, op, ": pivots must have shape ", expected, " for LU of shape ", LU.sizes(),
              ", got ", pivots.sizes());
  const Tensor host = pivots.to(Device(kCPU)).contiguous();
  const int32_t* values = host.data_ptr<int32_t>();
  for (int64_t i = 0; i < host.numel(); ++i) {
    TENON_CHECK(values[i] >= 1 && values[i] <= rows, op, ": pivots must be from 1 to ", rows, ", got ", values[i]);
  }
  return host;
}

// The permutation matrices that undo the row swaps.
Tensor permutations(const Tensor& LU, const Tensor& pivots) {
  const int64_t m = LU.size(-2), k = pivots.size(-1);
  Tensor rows = empty(sizes_with(batch_of(LU), m, 1), TensorOptions(kLong));
  int64_t* row = rows.data_ptr<int64_t>();
  const int32_t* pivot = pivots.data_ptr<int32_t>();
  for (int64_t begin = 0; begin < rows.numel(); begin += m, row += m, pivot += k) {
    std::iota(row, row + m, 0);
    for (int64_t i = 0; i < k; ++i) std::swap(row[i], row[pivot[i] - 1]);
  }
  const Tensor columns = arange(m, TensorOptions(kLong).device(LU.device()));
  return rows.to(LU.device()).eq(columns).mT().to(LU.dtype());
}

}  // namespace

ThreeTensors linalg_lu_factor_ex(const Tensor& A, bool pivot, bool check_errors) {
  ThreeTensors result = factors("linalg.lu_factor_ex", A, pivot);
  if (check_errors) check_infos("linalg.lu_factor_ex", std::get<2>(result), zero_pivot);
  return result;
}

TwoTensors linalg_lu_factor(const Tensor& A, bool pivot) {
  const auto [LU, pivots, info] = factors("linalg.lu_factor", A, pivot);
  check_infos("linalg.lu_factor", info, zero_pivot);
  return {LU, pivots};
}

ThreeTensors linalg_lu(const Tensor& A, bool pivot) {
  const auto [LU, pivots, info] = factors("linalg.lu", A, pivot);
  return lu_unpack(LU, pivots);
}

ThreeTensors lu_unpack(const Tensor& LU_data, const Tensor& LU_pivots, bool unpack_data, bool unpack_pivots) {
  const char* op = "lu_unpack";
  check_matrices(op, LU_data, "LU_data");
  const int64_t m = LU_data.size(-2), n = LU_data.size(-1), k = std::min(m, n);
  Tensor P = empty({0}, LU_data.options()), L = empty({0}, LU_data.options()), U = empty({0}, LU_data.options());
  if (unpack_pivots) {
    NoGradGuard no_grad;
    P = permutations(LU_data, checked_pivots(op, LU_data, LU_pivots, m, k));
  }
  if (unpack_data) {
    L = tril(LU_data.narrow(-1, 0, k), -1) + eye(m, k, LU_data.options());
    U = triu(LU_data.narrow(-2, 0, k));
  }
  return {P, L, U};
}

Tensor linalg_lu_solve(const Tensor& LU, const Tensor& pivots, const Tensor& B, bool left, bool adjoint) {
  const char* op = "linalg.lu_solve";
  check_square_matrices(op, LU, "LU");
  check_matrices(op, B, "B");
  check_alike(op, LU, B);
  const int64_t n = LU.size(-1);
  TENON_CHECK(B.size(left ? -2 : -1) == n, op, ": Incompatible shapes of A and B for the equation ",
              left ? "AX = B" : "XA = B", " (", n, "x", n, " and ", B.size(-2), "x", B.size(-1), ")");
  const Tensor checked = checked_pivots(op, LU, pivots, n, n);
  const DimVector batch = broadcast_shapes(batch_of(LU), batch_of(B), op);
  Tensor X;
  {
    // X A = B is A^H X^H = B^H.
    NoGradGuard no_grad;
    X = matrices_of(op, left ? B : B.mH(), batch);
    if (X.numel() > 0) {
      DimVector sizes = batch;
      sizes.push_back(n);
      const Tensor factors = matrices_of(op, LU, batch), rows = checked.to(LU.device()).expand(sizes).contiguous();
      linalg_kernels(LU, op).lu_solve(MatrixBatch(X).view(), MatrixBatch(factors).view(), VectorBatch(rows).view(),
                                      left == adjoint);
    }
    if (!left) X = X.mH();
  }
  return record("linalg_lu_solve", X, {&LU, &B}, {&LU, &pivots, &X},
                [=, b_sizes = B.impl()->sizes](const BackwardContext& ctx) -> Grads {
                  const Tensor factors = ctx.saved(0), rows = ctx.saved(1);
                  const Tensor grad_b = linalg_lu_solve(factors, rows, ctx.grad(), left, !adjoint);
                  Tensor grad_lu;
                  if (ctx.needs(0)) {
                    const Tensor x = ctx.saved(2);
                    // The gradient of A = P L U, or, up to the adjoint, of A^H.
                    const Tensor of_op = left ? matmul(grad_b, x.mH()) : matmul(x.mH(), grad_b);
                    const auto [P, L, U] = lu_unpack(factors, rows);
                    const Tensor of_product = neg(matmul(P.mT(), adjoint ? of_op.mH() : of_op));
                    grad_lu = sum_to_size(tril(matmul(of_product, U.mH()), -1) + triu(matmul(L.mH(), of_product)),
                                          factors.sizes());
                  }
                  return {grad_lu, ctx.needs(1) ? sum_to_size(grad_b, b_sizes) : Tensor()};
                });
}

Tensor lu_solve(const Tensor& self, const Tensor& LU_data, const Tensor& LU_pivots) {
  TENON_AUTOCAST(lu_solve, self, LU_data, LU_pivots)
  return linalg_lu_solve(LU_data, LU_pivots, self);
}

}  // namespace tenon
