// Eigenvalues and eigenvectors, and their gradients.
#include <cctype>

#include "autograd/record.h"
#include "ops/autocast.h"
#include "ops/linalg.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

std::string no_convergence(int32_t) {
  return "The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated "
         "eigenvalues.";
}

// values[j] - values[i] in row i and column j, with ones on the diagonal.
Tensor differences(const Tensor& values) {
  return values.unsqueeze(-2) - values.unsqueeze(-1) + eye(values.size(-1), values.options());
}

Tensor with_diagonal(const Tensor& square, const Tensor& diagonal) {
  const Tensor cleared = square - diag_embed(square.diagonal(0, -2, -1));
  return diagonal.defined() ? cleared + diag_embed(diagonal) : cleared;
}

void check_symmetric_input(const char* op, const Tensor& self, std::string_view UPLO) {
  check_square_matrices(op, self);
  TENON_CHECK(UPLO == "L" || UPLO == "U" || UPLO == "l" || UPLO == "u", op,
              ": Expected UPLO argument to be 'L' or 'U', but got ", UPLO);
}

// The eigenvalues, and the eigenvectors if they are wanted; not recorded.
TwoTensors eigh_of(const char* op, const Tensor& self, std::string_view UPLO, bool vectors) {
  check_symmetric_input(op, self, UPLO);
  NoGradGuard no_grad;
  const bool upper = std::toupper(UPLO.front()) == 'U';
  Tensor V = matrices_of(op, upper ? self.mH() : self, batch_of(self)), info = make_infos(batch_of(self), self);
  const Tensor values = make_vectors(op, batch_of(self), self.size(-1), to_real(self.dtype()), self);
  if (V.numel() > 0) {
    linalg_kernels(self, op).eigh(VectorBatch(values).view(), MatrixBatch(V).view(), VectorBatch(info).view(), vectors);
    check_infos(op, info, no_convergence);
  }
  return {values, V};
}

// V (diag(gL) + S / (L_j - L_i)) V^H, where S is the part of V^H gV that turns V, the skew one.
Tensor eigh_backward(const Tensor& L, const Tensor& V, const Tensor& grad_l, const Tensor& grad_v) {
  if (!grad_v.defined()) return grad_l.defined() ? matmul(scale_columns(V, grad_l), V.mH()) : Tensor();
  const Tensor inner = matmul(V.mH(), grad_v);
  if (V.is_complex()) check_phase("linalg.eigh backward", imag(inner.diagonal(0, -2, -1)));
  const Tensor turn = (inner - inner.mH()) * 0.5;
  return matmul(V, matmul(with_diagonal(turn / differences(L), grad_l), V.mH()));
}

TwoTensors eig_of(const char* op, const Tensor& self, bool vectors) {
  check_square_matrices(op, self);
  NoGradGuard no_grad;
  TENON_CHECK(all(isfinite(self)).item<bool>(), op, ": input tensor should not contain infs or NaNs.");
  const ScalarType dtype = to_complex(self.dtype());
  Tensor a = matrices_of(op, self, batch_of(self)), info = make_infos(batch_of(self), self), V;
  const Tensor values = make_vectors(op, batch_of(self), self.size(-1), dtype, self);
  if (vectors) {
    V = make_matrices(op, batch_of(self), self.size(-1), self.size(-1), empty({0}, self.options().dtype(dtype)));
  }
  if (a.numel() > 0) {
    linalg_kernels(self, op).eig(VectorBatch(values).view(), vectors ? MatrixBatch(V).view() : TensorView(),
                                 MatrixBatch(a).view(), VectorBatch(info).view());
    check_infos(op, info, no_convergence);
  }
  return {values, V};
}

// V^-H (diag(gL) + (V^H gV - V^H V diag(re(V^H gV))) / conj(L_j - L_i)) V^H
Tensor eig_backward(const Tensor& L, const Tensor& V, const Tensor& grad_l, const Tensor& grad_v) {
  if (!grad_l.defined() && !grad_v.defined()) return Tensor();
  Tensor inner;
  if (grad_v.defined()) {
    const Tensor product = matmul(V.mH(), grad_v), diagonal = product.diagonal(0, -2, -1);
    check_phase("linalg.eig backward", imag(diagonal));
    const Tensor free = product - scale_columns(matmul(V.mH(), V), real(diagonal));
    inner = with_diagonal(free / differences(L).conj(), grad_l);
  } else {
    inner = diag_embed(grad_l);
  }
  return linalg_solve(V.mH(), matmul(inner, V.mH()));
}

}  // namespace

TwoTensors linalg_eigh(const Tensor& self, std::string_view UPLO) {
  TENON_AUTOCAST(linalg_eigh, self, UPLO)
  const auto [L, V] = eigh_of("linalg.eigh", self, UPLO, true);
  const Tensor* outputs[] = {&L, &V};
  record_all("linalg_eigh", TensorPointers(outputs, 2), &self, {&L, &V}, [](const BackwardContext& ctx) -> Grads {
    return {eigh_backward(ctx.saved(0), ctx.saved(1), ctx.grad(0), ctx.grad(1))};
  });
  return {L, V};
}

Tensor linalg_eigvalsh(const Tensor& self, std::string_view UPLO) {
  TENON_AUTOCAST(linalg_eigvalsh, self, UPLO)
  // The gradient of the values needs the vectors.
  if (needs_record(&self)) return std::get<0>(linalg_eigh(self, UPLO));
  return std::get<0>(eigh_of("linalg.eigvalsh", self, UPLO, false));
}

TwoTensors linalg_eig(const Tensor& self) {
  TENON_AUTOCAST(linalg_eig, self)
  const auto [L, V] = eig_of("linalg.eig", self, true);
  const Tensor* outputs[] = {&L, &V};
  record_all("linalg_eig", TensorPointers(outputs, 2), &self, {&L, &V},
             [is_real = !self.is_complex()](const BackwardContext& ctx) -> Grads {
               const Tensor grad = eig_backward(ctx.saved(0), ctx.saved(1), ctx.grad(0), ctx.grad(1));
               return {grad.defined() && is_real ? real(grad) : grad};
             });
  return {L, V};
}

Tensor linalg_eigvals(const Tensor& self) {
  TENON_AUTOCAST(linalg_eigvals, self)
  if (needs_record(&self)) return std::get<0>(linalg_eig(self));
  return std::get<0>(eig_of("linalg.eigvals", self, false));
}

}  // namespace tenon
