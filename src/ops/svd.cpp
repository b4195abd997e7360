// Singular values and vectors, and their gradients.
#include <algorithm>

#include "autograd/record.h"
#include "ops/autocast.h"
#include "ops/linalg.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

enum class Vectors : uint8_t { None, Thin, Full };

std::string not_converged(int32_t) {
  return "The algorithm failed to converge because the input matrix contained non-finite values.";
}

// U, S and V; not recorded.
ThreeTensors svd_of(const char* op, const Tensor& A, Vectors vectors, optional<std::string_view> driver) {
  check_matrices(op, A);
  TENON_CHECK(!driver, op, ": keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend");
  NoGradGuard no_grad;
  const IntArrayRef batch = batch_of(A);
  const int64_t m = A.size(-2), n = A.size(-1), k = std::min(m, n);
  const Tensor a = matrices_of(op, A, batch), info = make_infos(batch, A);
  Tensor U, V;
  const Tensor S = make_vectors(op, batch, k, to_real(A.dtype()), A);
  if (vectors != Vectors::None) {
    U = make_matrices(op, batch, m, vectors == Vectors::Full ? m : k, A);
    V = make_matrices(op, batch, n, vectors == Vectors::Full ? n : k, A);
  }
  if (A.numel() > 0) {
    const TensorView none;
    linalg_kernels(A, op).svd(U.defined() ? MatrixBatch(U).view() : none, VectorBatch(S).view(),
                              V.defined() ? MatrixBatch(V).view() : none, MatrixBatch(a).view(),
                              VectorBatch(info).view());
    check_infos(op, info, not_converged);
  } else if (U.defined()) {
    U.copy_(eye(m, U.size(-1), A.options()));
    V.copy_(eye(n, V.size(-1), A.options()));
  }
  return {U, S, V};
}

Tensor skew(const Tensor& x) { return x - x.mH(); }

// Of A = U S V^H with X = skew(U^H gU), Y = skew(V^H gV) and E_ij = S_j^2 - S_i^2:
// U ((X S + S Y) / E + gS) V^H + (1 - U U^H) gU S^-1 V^H + U S^-1 gV^H (1 - V V^H), where a complex A also has
// X / 2S on the diagonal.
Tensor svd_backward(const Tensor& U, const Tensor& S, const Tensor& Vh, const Tensor& grad_u, const Tensor& grad_s,
                    const Tensor& grad_vh) {
  if (!grad_u.defined() && !grad_vh.defined()) {
    return grad_s.defined() ? matmul(scale_columns(U, grad_s), Vh) : Tensor();
  }
  const int64_t m = U.size(-2), n = Vh.size(-1), k = S.size(-1);
  const Tensor row = S.unsqueeze(-2), column = S.unsqueeze(-1);
  const Tensor E = (row - column) * (row + column) + eye(k, S.options());
  Tensor X, Y, inner;
  if (grad_u.defined()) {
    X = skew(matmul(U.mH(), grad_u));
    inner = scale_columns(X, S);
  }
  if (grad_vh.defined()) {
    Y = skew(matmul(Vh, grad_vh.mH()));
    const Tensor turned = scale_rows(Y, S);
    inner = inner.defined() ? inner + turned : turned;
  }
  inner = inner / E;
  if (grad_s.defined()) inner = inner + diag_embed(grad_s);
  if (U.is_complex()) {
    Tensor phase;
    for (const Tensor& part : {X, Y}) {
      if (!part.defined()) continue;
      const Tensor diagonal = imag(part.diagonal(0, -2, -1));
      phase = phase.defined() ? phase + diagonal : diagonal;
    }
    check_phase("linalg.svd backward", phase);
    if (X.defined() && Y.defined()) inner = inner + diag_embed(X.diagonal(0, -2, -1) / (S * 2));
  }
  Tensor whole = matmul(matmul(U, inner), Vh);
  if (grad_u.defined() && m > k) {
    const Tensor outside = scale_columns(grad_u, reciprocal(S));
    whole = whole + matmul(outside - matmul(U, matmul(U.mH(), outside)), Vh);
  }
  if (grad_vh.defined() && n > k) {
    const Tensor outside = scale_rows(grad_vh, reciprocal(S));
    whole = whole + matmul(U, outside - matmul(matmul(outside, Vh.mH()), Vh));
  }
  return whole;
}

ThreeTensors recorded_svd(const char* op, const Tensor& A, bool full, optional<std::string_view> driver) {
  auto [U, S, V] = svd_of(op, A, full ? Vectors::Full : Vectors::Thin, driver);
  Tensor Vh;
  {
    NoGradGuard no_grad;
    Vh = V.mH();
  }
  const int64_t k = S.size(-1);
  const Tensor* outputs[] = {&U, &S, &Vh};
  record_all("linalg_svd", TensorPointers(outputs, 3), &A, {&U, &S, &Vh}, [k](const BackwardContext& ctx) -> Grads {
    // Of the vectors that only complete a basis nothing depends on A in a defined way.
    auto first = [k](const Tensor& x, int64_t dim) { return x.defined() ? x.narrow(dim, 0, k) : x; };
    return {svd_backward(first(ctx.saved(0), -1), ctx.saved(1), first(ctx.saved(2), -2), first(ctx.grad(0), -1),
                         ctx.grad(1), first(ctx.grad(2), -2))};
  });
  return {U, S, Vh};
}

}  // namespace

ThreeTensors linalg_svd(const Tensor& A, bool full_matrices, optional<std::string_view> driver) {
  TENON_AUTOCAST(linalg_svd, A, full_matrices, driver)
  return recorded_svd("linalg.svd", A, full_matrices, driver);
}

Tensor linalg_svdvals(const Tensor& A, optional<std::string_view> driver) {
  TENON_AUTOCAST(linalg_svdvals, A, driver)
  // The gradient of the values needs the vectors.
  if (needs_record(&A)) return std::get<1>(recorded_svd("linalg.svdvals", A, false, driver));
  return std::get<1>(svd_of("linalg.svdvals", A, Vectors::None, driver));
}

ThreeTensors svd(const Tensor& self, bool some, bool compute_uv) {
  TENON_AUTOCAST(svd, self, some, compute_uv)
  if (!compute_uv) {
    check_matrices("svd", self);
    const IntArrayRef batch = batch_of(self);
    const int64_t m = self.size(-2), n = self.size(-1);
    return {zeros(sizes_with(batch, m, m), self.options()), linalg_svdvals(self),
            zeros(sizes_with(batch, n, n), self.options())};
  }
  const auto [U, S, Vh] = recorded_svd("svd", self, !some, nullopt);
  return {U, S, Vh.mH()};
}

}  // namespace tenon
