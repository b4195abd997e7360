// Norms of vectors and matrices, and the distance of two tensors.
#include <cmath>

#include "autograd/record.h"
#include "ops/promotion.h"
#include "ops/reduction.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"
#include "tensor/make.h"

namespace tenon {
namespace {

// The norm of order p; differentiable, with the subgradient 0 where there is no gradient.
Tensor norm_forward(const char* op, const Tensor& x, double p, const ReducedDims& dims, bool keepdim) {
  const ScalarType result = to_real(x.dtype()), wide = compute_dtype(result);
  NoGradGuard no_grad;
  auto fold = [&](Reduction reduction, const Tensor& of) {
    return reduce(op, reduction, of, dims, keepdim, of.dtype(), wide);
  };
  Tensor out;
  if (p == 0) {
    out = reduce(op, Reduction::CountNonzero, x, dims, keepdim, x.dtype(), kLong);
  } else if (p == 1) {
    out = fold(Reduction::SumAbs, x);
  } else if (p == 2) {
    out = fold(Reduction::SumSquares, x).sqrt_();
  } else if (std::isinf(p)) {
    out = fold(p > 0 ? Reduction::Max : Reduction::Min, abs(x));
  } else {
    out = pow(fold(Reduction::Sum, pow(abs(to_dtype(x, x.is_complex() ? x.dtype() : wide)), p)), 1 / p);
  }
  return to_dtype(out, result);
}

// `norm` and `grad` broadcast against self.
Tensor norm_grad(const Tensor& grad, const Tensor& self, const Tensor& norm, double p, const DimVector& dims) {
  if (p == 0) return zeros_like(self);
  if (p == 1) return sgn(self) * grad;
  if (p == 2) return grad * (self / norm).masked_fill(norm.eq(0), 0);
  if (std::isinf(p)) {
    const Tensor extreme = (abs(self).eq(norm) | isnan(self)).to(grad.dtype());
    return sgn(self) * (extreme / sum(extreme, dims, true) * grad);
  }
  if (p < 1) {
    const Tensor scaled = (sgn(self) * pow(abs(self), p - 1)).masked_fill(self.eq(0), 0);
    return scaled * grad * pow(norm, 1 - p);
  }
  const Tensor factor = (grad / pow(norm, p - 1)).masked_fill(norm.eq(0), 0);
  if (p < 2) return sgn(self) * pow(abs(self), p - 1) * factor;
  return self * (p == 3 ? abs(self) : pow(abs(self), p - 2)) * factor;
}

Tensor norm_of(const char* op, const Tensor& self, double p, OptionalIntArrayRef dim, bool keepdim,
               optional<ScalarType> dtype) {
  TENON_CHECK(is_differentiable(self.dtype()), op, ": Expected a floating point or complex tensor as input. Got ",
              self.dtype());
  TENON_CHECK(!dtype || is_differentiable(*dtype), op, ": dtype should be floating point or complex, got ", *dtype);
  TENON_CHECK(!dtype || is_complex(*dtype) == self.is_complex(), op, ": dtype should be ",
              self.is_complex() ? "complex for complex" : "real for real", " inputs, got ", *dtype);
  const Tensor x = dtype ? to_dtype(self, *dtype) : self;
  const ReducedDims dims(x, dim, op);
  TENON_CHECK(dims.count > 0 || (p >= 0 && !std::isinf(p)), op, " cannot compute the ", p,
              " norm on an empty tensor because the operation does not have an identity");
  Tensor out = norm_forward(op, x, p, dims, keepdim);
  return record(op, out, &x, {&x, &out}, [p, dims](const BackwardContext& ctx) -> Grads {
    return {norm_grad(broadcastable(ctx.grad(), dims.kept), ctx.saved(0), broadcastable(ctx.saved(1), dims.kept), p,
                      dims.dims)};
  });
}

// The matrix norm of order 1 or inf (negative: the smallest instead of the largest) over two dims.
Tensor matrix_norm(const Tensor& A, double ord, IntArrayRef dim, bool keepdim, optional<ScalarType> dtype) {
  const DimVector dims = wrap_dims(dim, A.dim(), "linalg.norm");
  TENON_CHECK_AS(
      NotImplementedError, std::abs(ord) != 2, "linalg.norm: the matrix norm of order ", ord,
      " needs singular values, which this function does not compute; orders 1, -1, inf, -inf and 'fro' are available");
  TENON_CHECK(std::abs(ord) == 1 || std::isinf(ord), "linalg.norm: Order ", ord, " not supported for matrices");
  const bool columns = !std::isinf(ord);
  const int64_t summed = columns ? dims[0] : dims[1];
  int64_t rest = columns ? dims[1] : dims[0];
  const Tensor sums = norm_of("linalg.norm", A, 1, summed, keepdim, dtype);
  if (!keepdim && summed < rest) --rest;
  if (ord < 0) return amin(sums, rest, keepdim);
  // The norm of a matrix without elements is 0.
  return sums.size(rest) == 0 ? sum(sums, rest, keepdim) : amax(sums, rest, keepdim);
}

void check_frobenius(const char* op, std::string_view p) {
  TENON_CHECK_AS(NotImplementedError, p != "nuc", op,
                 ": the nuclear norm needs singular values, which this function does not compute");
  TENON_CHECK(p == "fro", op, ": the norm must be a number or 'fro', got '", p, "'");
}

}  // namespace

Tensor norm(const Tensor& self, const optional<Scalar>& p, OptionalIntArrayRef dim, bool keepdim,
            optional<ScalarType> dtype) {
  return norm_of("norm", self, p ? p->to_double() : 2, dim, keepdim, dtype);
}
Tensor norm(const Tensor& self, std::string_view p, OptionalIntArrayRef dim, bool keepdim, optional<ScalarType> dtype) {
  check_frobenius("norm", p);
  return norm_of("norm", self, 2, dim, keepdim, dtype);
}

Tensor dist(const Tensor& self, const Tensor& other, const Scalar& p) {
  return norm_of("dist", self - other, p.to_double(), nullopt, false, nullopt);
}

Tensor linalg_vector_norm(const Tensor& x, const Scalar& ord, OptionalIntArrayRef dim, bool keepdim,
                          optional<ScalarType> dtype) {
  return norm_of("linalg.vector_norm", x, ord.to_double(), dim, keepdim, dtype);
}

Tensor linalg_norm(const Tensor& A, const optional<Scalar>& ord, OptionalIntArrayRef dim, bool keepdim,
                   optional<ScalarType> dtype) {
  if (!ord) return norm_of("linalg.norm", A, 2, dim, keepdim, dtype);
  TENON_CHECK(!dim || dim->size() <= 2, "linalg.norm: dim must be one or two dims, got ", *dim);
  TENON_CHECK(dim || A.dim() <= 2, "linalg.norm: A must have one or two dims unless dim is given, got shape ",
              A.sizes());
  const bool matrices = dim ? dim->size() == 2 : A.dim() == 2;
  if (!matrices) return norm_of("linalg.norm", A, ord->to_double(), dim, keepdim, dtype);
  constexpr int64_t kLast[] = {-2, -1};
  return matrix_norm(A, ord->to_double(), dim ? *dim : IntArrayRef(kLast, 2), keepdim, dtype);
}
Tensor linalg_norm(const Tensor& A, std::string_view ord, OptionalIntArrayRef dim, bool keepdim,
                   optional<ScalarType> dtype) {
  check_frobenius("linalg.norm", ord);
  TENON_CHECK(dim ? dim->size() == 2 : A.dim() == 2, "linalg.norm: the norm 'fro' is of matrices; A has shape ",
              A.sizes());
  return norm_of("linalg.norm", A, 2, dim, keepdim, dtype);
}

}  // namespace tenon
