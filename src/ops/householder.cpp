// Householder matrices: products of I - tau v v^H, as geqrf gives them.
#include <algorithm>

#include "autograd/record.h"
#include "ops/autocast.h"
#include "ops/linalg.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

void check_reflectors(const char* op, const Tensor& input, const Tensor& tau) {
  check_matrices(op, input, "input");
  check_alike(op, input, tau, "tau");
  const int64_t k = tau.dim() > 0 ? tau.size(-1) : -1;
  TENON_CHECK(tau.dim() == input.dim() - 1 && k <= input.size(-1), op,
              ": Expected tau to have one dimension less than "
              "input and at most input.shape[-1] elements in its last, got shapes ",
              tau.sizes(), " and ", input.sizes());
  TENON_CHECK(tau.sizes().slice(0, tau.sizes().size() - 1) == batch_of(input), op,
              ": Expected the batches of input and "
              "tau to be equal, got shapes ",
              input.sizes(), " and ", tau.sizes());
  TENON_CHECK(input.size(-2) >= k, op, ": input.shape[-2] must be at least tau.shape[-1], got ", input.size(-2),
              " and ", k);
}

// Q C, or Q^H C, one reflector at a time, of ops that record themselves.
Tensor apply_recorded(const Tensor& input, const Tensor& tau, const Tensor& C, bool adjoint) {
  const int64_t m = input.size(-2), k = tau.size(-1);
  const Tensor V = tril(input.narrow(-1, 0, k), -1) + eye(m, k, input.options());
  const Tensor factors = adjoint ? tau.conj() : tau;
  // No reflectors: sums of nothing keep the result in their graph.
  if (k == 0) return C + sum(V) + sum(tau);
  Tensor result = C;
  for (int64_t step = 0; step < k; ++step) {
    const int64_t i = adjoint ? step : k - 1 - step;
    const Tensor v = V.narrow(-1, i, 1);
    result = result - matmul(v * factors.narrow(-1, i, 1).unsqueeze(-1), matmul(v.mH(), result));
  }
  return result;
}

// Q C, or Q^H C.
Tensor apply_to(const char* op, const Tensor& input, const Tensor& tau, const Tensor& C, bool adjoint) {
  const Tensor* inputs[] = {&input, &tau, &C};
  if (needs_record(TensorPointers(inputs, 3))) return apply_recorded(input, tau, C, adjoint);
  NoGradGuard no_grad;
  const Tensor result = matrices_of(op, C, batch_of(input));
  if (result.numel() > 0 && tau.numel() > 0) {
    const Tensor a = matrices_of(op, input, batch_of(input)), factors = tau.contiguous();
    linalg_kernels(C, op).apply_reflectors(MatrixBatch(result).view(), MatrixBatch(a).view(),
                                           VectorBatch(factors).view(), adjoint);
  }
  return result;
}

Tensor product(const char* op, const Tensor& input, const Tensor& tau) {
  check_reflectors(op, input, tau);
  const int64_t m = input.size(-2), n = input.size(-1);
  TENON_CHECK(m >= n, op, ": input.shape[-2] must be greater than or equal to input.shape[-1], got ", m, " and ", n);
  return apply_to(op, input, tau, eye(m, n, input.options()).expand(sizes_with(batch_of(input), m, n)), false);
}

}  // namespace

Tensor linalg_householder_product(const Tensor& input, const Tensor& tau) {
  TENON_AUTOCAST(linalg_householder_product, input, tau)
  return product("linalg.householder_product", input, tau);
}
Tensor orgqr(const Tensor& self, const Tensor& input2) {
  TENON_AUTOCAST(orgqr, self, input2)
  return product("orgqr", self, input2);
}

Tensor ormqr(const Tensor& self, const Tensor& input2, const Tensor& input3, bool left, bool transpose) {
  TENON_AUTOCAST(ormqr, self, input2, input3, left, transpose)
  const char* op = "ormqr";
  check_reflectors(op, self, input2);
  check_matrices(op, input3, "other");
  check_alike(op, self, input3, "other");
  TENON_CHECK(batch_of(input3) == batch_of(self), op,
              ": Expected the batches of input and other to be equal, got "
              "shapes ",
              self.sizes(), " and ", input3.sizes());
  TENON_CHECK(input3.size(left ? -2 : -1) == self.size(-2), op, ": other.shape[", left ? -2 : -1,
              "] must be equal to input.shape[-2], got ", input3.size(left ? -2 : -1), " and ", self.size(-2));
  // C Q is (Q^H C^H)^H.
  if (left) return apply_to(op, self, input2, input3, transpose);
  return apply_to(op, self, input2, input3.mH(), !transpose).mH();
}

TwoTensors geqrf(const Tensor& self) {
  TENON_AUTOCAST(geqrf, self)
  const char* op = "geqrf";
  check_matrices(op, self, "input");
  const Tensor a = matrices_of(op, self, batch_of(self));
  const Tensor tau = make_vectors(op, batch_of(self), std::min(self.size(-2), self.size(-1)), self.dtype(), self);
  if (a.numel() > 0) linalg_kernels(self, op).geqrf(MatrixBatch(a).view(), VectorBatch(tau).view());
  const Tensor* outputs[] = {&a, &tau};
  record_all("geqrf", TensorPointers(outputs, 2), &self, {}, [](const BackwardContext&) -> Grads {
    detail::fail<NotImplementedError>("geqrf: the derivative is not implemented; linalg.qr has one");
  });
  return {a, tau};
}

}  // namespace tenon
