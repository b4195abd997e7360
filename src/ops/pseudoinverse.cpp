// What is found from singular values: ranks, pseudoinverses, condition numbers, and least squares.
#include <algorithm>
#include <limits>

#include "autograd/record.h"
#include "ops/autocast.h"
#include "ops/linalg.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

// Numbers up to max(atol, rtol * the largest singular value) count as zero. Tensors hold one number per matrix.
struct Tolerance {
  Tensor absolute, relative;

  Tolerance(const Tensor& A, const optional<double>& atol, const optional<double>& rtol) {
    const TensorOptions options = A.options().dtype(to_real(A.dtype()));
    absolute = full({}, Scalar(atol.value_or(0)), options);
    relative = full({}, Scalar(rtol.value_or(atol && *atol > 0 ? 0 : default_relative(A))), options);
  }

  Tolerance(const char* op, const Tensor& A, const optional<Tensor>& atol, const optional<Tensor>& rtol) {
    for (const optional<Tensor>* given : {&atol, &rtol}) {
      TENON_CHECK(!*given || !(*given)->is_complex(), op, ": tolerances of complex type are not supported, got ",
                  (*given)->dtype());
    }
    const TensorOptions options = A.options().dtype(to_real(A.dtype()));
    absolute = atol ? *atol : zeros({}, options);
    relative = rtol ? *rtol : full({}, Scalar(default_relative(A)), options);
    if (atol && !rtol) relative = where(absolute.gt(0), Scalar(0.0), relative);
  }

  Tensor counted(const Tensor& S) const {
    return S.gt(maximum(absolute.to(S.dtype()).unsqueeze(-1),
                        relative.to(S.dtype()).unsqueeze(-1) * S.amax(int64_t{-1}, true)));
  }

 private:
  static double default_relative(const Tensor& A) {
    const double epsilon =
        to_real(A.dtype()) == kFloat ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
    return epsilon * static_cast<double>(std::max(A.size(-2), A.size(-1)));
  }
};

Tensor rank(const char* op, const Tensor& A, const Tolerance& tolerance, bool hermitian) {
  NoGradGuard no_grad;
  if (hermitian) check_square_matrices(op, A);
  // Without elements there is no largest one.
  if (A.numel() == 0) return zeros(batch_of(A), TensorOptions(kLong).device(A.device()));
  const Tensor S = hermitian ? abs(linalg_eigvalsh(A)) : linalg_svdvals(A);
  return tolerance.counted(S).sum(int64_t{-1});
}

Tensor pseudoinverse(const char* op, const Tensor& A, const Tolerance& tolerance, bool hermitian) {
  if (hermitian) check_square_matrices(op, A);
  Tensor P;
  {
    NoGradGuard no_grad;
    auto inverted = [&](const Tensor& S, const Tensor& magnitudes) {
      return where(tolerance.counted(magnitudes), reciprocal(S), Scalar(0.0));
    };
    if (A.numel() == 0) {
      P = zeros(sizes_with(batch_of(A), A.size(-1), A.size(-2)), A.options());
    } else if (hermitian) {
      const auto [L, V] = linalg_eigh(A);
      P = matmul(scale_columns(V, inverted(L, abs(L))), V.mH());
    } else {
      const auto [U, S, Vh] = linalg_svd(A, /*full_matrices=*/false);
      P = matmul(scale_columns(Vh.mH(), inverted(S, S)), U.mH());
    }
  }
  return record("linalg_pinv", P, &A, {&A, &P}, [](const BackwardContext& ctx) -> Grads {
    return {pinv_backward(ctx.grad(), ctx.saved(1), ctx.saved(0))};
  });
}

}  // namespace

// dP = -P dA P + P P^H dA^H (1 - A P) + (1 - P A) dA^H P^H P
Tensor pinv_backward(const Tensor& grad, const Tensor& P, const Tensor& A) {
  const Tensor adjoint = grad.mH(), Ph = P.mH();
  const Tensor right = matmul(matmul(adjoint, P), Ph), left = matmul(Ph, matmul(P, adjoint));
  return right - matmul(A, matmul(P, right)) + left - matmul(matmul(left, P), A) - matmul(matmul(P, adjoint), P).mH();
}

Tensor linalg_pinv(const Tensor& self, optional<double> atol, optional<double> rtol, bool hermitian) {
  check_matrices("linalg.pinv", self);
  return pseudoinverse("linalg.pinv", self, Tolerance(self, atol, rtol), hermitian);
}
Tensor linalg_pinv(const Tensor& self, const optional<Tensor>& atol, const optional<Tensor>& rtol, bool hermitian) {
  check_matrices("linalg.pinv", self);
  return pseudoinverse("linalg.pinv", self, Tolerance("linalg.pinv", self, atol, rtol), hermitian);
}
Tensor linalg_pinv(const Tensor& self, double rcond, bool hermitian) {
  return linalg_pinv(self, optional<double>(0.0), optional<double>(rcond), hermitian);
}
Tensor linalg_pinv(const Tensor& self, const Tensor& rcond, bool hermitian) {
  return linalg_pinv(self, optional<Tensor>(), optional<Tensor>(rcond), hermitian);
}
Tensor pinverse(const Tensor& self, double rcond) {
  TENON_AUTOCAST(pinverse, self, rcond)
  check_matrices("pinverse", self);
  return pseudoinverse("pinverse", self, Tolerance(self, 0.0, rcond), false);
}

Tensor linalg_matrix_rank(const Tensor& self, optional<double> atol, optional<double> rtol, bool hermitian) {
  TENON_AUTOCAST(linalg_matrix_rank, self, atol, rtol, hermitian)
  check_matrices("linalg.matrix_rank", self);
  return rank("linalg.matrix_rank", self, Tolerance(self, atol, rtol), hermitian);
}
Tensor linalg_matrix_rank(const Tensor& input, const optional<Tensor>& atol, const optional<Tensor>& rtol,
                          bool hermitian) {
  TENON_AUTOCAST(linalg_matrix_rank, input, atol, rtol, hermitian)
  check_matrices("linalg.matrix_rank", input);
  return rank("linalg.matrix_rank", input, Tolerance("linalg.matrix_rank", input, atol, rtol), hermitian);
}
Tensor linalg_matrix_rank(const Tensor& self, double tol, bool hermitian) {
  TENON_AUTOCAST(linalg_matrix_rank, self, tol, hermitian)
  return linalg_matrix_rank(self, optional<double>(tol), optional<double>(0.0), hermitian);
}
Tensor linalg_matrix_rank(const Tensor& input, const Tensor& tol, bool hermitian) {
  TENON_AUTOCAST(linalg_matrix_rank, input, tol, hermitian)
  return linalg_matrix_rank(input, optional<Tensor>(tol), optional<Tensor>(zeros_like(tol)), hermitian);
}

namespace {

// ||A|| ||A^-1||, infinite where there is no inverse.
template <class Order>
Tensor cond_by_inverse(const Tensor& A, const Order& order) {
  check_square_matrices("linalg.cond", A);
  if (A.numel() == 0) return zeros(batch_of(A), A.options().dtype(to_real(A.dtype())));
  const auto [inverse, info] = linalg_inv_ex(A);
  const Tensor product = linalg_matrix_norm(A, order) * linalg_matrix_norm(inverse, order);
  return where(info.ne(0), Scalar(std::numeric_limits<double>::infinity()), product);
}

}  // namespace

Tensor linalg_cond(const Tensor& self, const optional<Scalar>& p) {
  TENON_AUTOCAST(linalg_cond, self, p)
  const char* op = "linalg.cond";
  check_matrices(op, self);
  const double order = p ? p->to_double() : 2;
  if (order != 2 && order != -2) return cond_by_inverse(self, Scalar(order));
  if (self.numel() == 0) return zeros(batch_of(self), self.options().dtype(to_real(self.dtype())));
  const Tensor S = linalg_svdvals(self), largest = S.select(-1, 0), smallest = S.select(-1, S.size(-1) - 1);
  return order > 0 ? largest / smallest : smallest / largest;
}

Tensor linalg_cond(const Tensor& self, std::string_view p) {
  TENON_AUTOCAST(linalg_cond, self, p)
  check_matrices("linalg.cond", self);
  TENON_CHECK(p == "fro" || p == "nuc", "linalg.cond: got an invalid norm type: ", p, "; 'fro' and 'nuc' are valid");
  if (p == "fro") return cond_by_inverse(self, p);
  check_square_matrices("linalg.cond", self);
  const Tensor S = linalg_svdvals(self);
  return sum(S, -1) * sum(reciprocal(S), -1);
}

FourTensors linalg_lstsq(const Tensor& self, const Tensor& b, optional<double> rcond,
                         optional<std::string_view> driver) {
  TENON_AUTOCAST(linalg_lstsq, self, b, rcond, driver)
  const char* op = "linalg.lstsq";
  check_matrices(op, self, "input");
  TENON_CHECK(b.dim() > 0, op, ": other must have at least 1 dimension");
  check_alike(op, self, b, "other");
  const std::string_view name = driver.value_or("gelsy");
  TENON_CHECK(name == "gels" || name == "gelsy" || name == "gelsd" || name == "gelss", op,
              ": parameter `driver` should "
              "be one of (gels, gelsy, gelsd, gelss), got ",
              name);
  const bool vectors = self.dim() - 1 == b.dim() && b.sizes() == self.sizes().slice(0, self.sizes().size() - 1);
  const Tensor B = vectors ? b.unsqueeze(-1) : b;
  TENON_CHECK(B.dim() >= 2 && B.size(-2) == self.size(-2), op, ": input.size(-2) should match other.size(-",
              vectors ? 1 : 2, "), got ", self.sizes(), " and ", b.sizes());
  const DimVector batch = broadcast_shapes(batch_of(self), batch_of(B), op);
  const int64_t m = self.size(-2), n = self.size(-1);
  auto broadcast = [&](const Tensor& x) { return x.expand(sizes_with(batch, x.size(-2), x.size(-1))); };
  const Tensor A = broadcast(self), right = broadcast(B);
  const TensorOptions options = self.options().dtype(to_real(self.dtype()));
  // gels takes the rank to be full.
  const Tensor P = linalg_pinv(A, optional<double>(), name == "gels" ? optional<double>(0.0) : rcond);
  const Tensor X = matmul(P, right);

  // Residuals that are not computed are none, but as part of the graph.
  Tensor singular_values = empty({0}, options), residuals = real(X).flatten().narrow(0, 0, 0);
  Tensor ranks = empty({0}, TensorOptions(kLong).device(self.device()));
  bool full_rank = true;
  if (name != "gels") {
    ranks = linalg_matrix_rank(A, optional<double>(), rcond);
    if (name != "gelsy") {
      NoGradGuard no_grad;
      singular_values = linalg_svdvals(A);
      full_rank = all(ranks.eq(n)).item<bool>();
    }
  }
  if (m > n && name != "gelsy" && full_rank) {
    const Tensor rest = matmul(A, X) - right;
    residuals = sum(rest.is_complex() ? real(rest * rest.conj()) : square(rest), -2);
  }
  return {vectors ? X.squeeze(-1) : X, residuals, ranks, singular_values};
}

}  // namespace tenon
