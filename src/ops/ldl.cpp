// Factors of symmetric and Hermitian indefinite matrices, and what is solved by them.
#include <cstdlib>

#include "autograd/record.h"
#include "ops/linalg.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

std::string zero_diagonal(int32_t number) {
  return concat("The D[", number, ",", number,
                "] is exactly zero; using it to solve a system leads to division by "
                "zero.");
}

ThreeTensors factors(const char* op, const Tensor& self, bool hermitian) {
  check_square_matrices(op, self);
  const Tensor info = make_infos(batch_of(self), self);
  const Tensor pivots = make_vectors(op, batch_of(self), self.size(-1), kInt, self);
  Tensor LD = matrices_of(op, self, batch_of(self));
  if (LD.numel() > 0) {
    linalg_kernels(self, op).ldl(MatrixBatch(LD).view(), VectorBatch(pivots).view(), VectorBatch(info).view(),
                                 hermitian && self.is_complex());
    NoGradGuard no_grad;
    LD.tril_();
  }
  LD = record("linalg_ldl_factor_ex", LD, &self, {}, [](const BackwardContext&) -> Grads {
    detail::fail<NotImplementedError>("linalg.ldl_factor_ex: the derivative is not implemented");
  });
  return {LD, pivots, info};
}

// Throws unless the pivots name rows, and negative ones come in pairs of neighbours.
void check_pivots(const char* op, const Tensor& pivots) {
  const Tensor host = pivots.to(Device(kCPU)).contiguous();
  const int32_t* values = host.data_ptr<int32_t>();
  const int64_t n = host.size(-1);
  for (int64_t i = 0; i < host.numel(); ++i) {
    const int64_t row = std::abs(static_cast<int64_t>(values[i]));
    TENON_CHECK(row >= 1 && row <= n, op, ": pivots must name rows from 1 to ", n, ", got ", values[i]);
    if (values[i] > 0) continue;
    TENON_CHECK(i % n + 1 < n && values[i + 1] == values[i], op, ": negative pivots must come in equal pairs, got ",
                values[i], " alone");
    ++i;
  }
}

}  // namespace

ThreeTensors linalg_ldl_factor_ex(const Tensor& self, bool hermitian, bool check_errors) {
  const ThreeTensors result = factors("linalg.ldl_factor_ex", self, hermitian);
  if (check_errors) check_infos("linalg.ldl_factor_ex", std::get<2>(result), zero_diagonal);
  return result;
}

TwoTensors linalg_ldl_factor(const Tensor& self, bool hermitian) {
  const auto [LD, pivots, info] = factors("linalg.ldl_factor", self, hermitian);
  check_infos("linalg.ldl_factor", info, zero_diagonal);
  return {LD, pivots};
}

Tensor linalg_ldl_solve(const Tensor& LD, const Tensor& pivots, const Tensor& B, bool hermitian) {
  const char* op = "linalg.ldl_solve";
  check_square_matrices(op, LD, "LD");
  check_matrices(op, B, "B");
  check_alike(op, LD, B);
  const int64_t n = LD.size(-1);
  TENON_CHECK(B.size(-2) == n, op, ": LD is of ", n, "x", n, " matrices, but B of ", B.size(-2), "x", B.size(-1));
  TENON_CHECK(pivots.dtype() == kInt && pivots.sizes() == LD.sizes().slice(0, LD.sizes().size() - 1), op,
              ": Expected pivots to be int32 of shape ", LD.sizes().slice(0, LD.sizes().size() - 1), ", got ",
              pivots.dtype(), " of shape ", pivots.sizes());
  if (n > 0) check_pivots(op, pivots);
  DimVector batch = broadcast_shapes(batch_of(LD), batch_of(B), op), rows = batch;
  rows.push_back(n);
  Tensor X = matrices_of(op, B, batch);
  if (X.numel() > 0) {
    NoGradGuard no_grad;
    const Tensor factors = matrices_of(op, LD, batch), numbers = pivots.expand(rows).contiguous();
    linalg_kernels(B, op).ldl_solve(MatrixBatch(X).view(), MatrixBatch(factors).view(), VectorBatch(numbers).view(),
                                    hermitian && B.is_complex());
  }
  return record("linalg_ldl_solve", X, {&LD, &B}, {}, [](const BackwardContext&) -> Grads {
    detail::fail<NotImplementedError>("linalg.ldl_solve: the derivative is not implemented");
  });
}

}  // namespace tenon
