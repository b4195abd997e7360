// Norms of vectors and matrices, and the distance of two tensors.
#include <algorithm>
#include <cmath>

#include "autograd/record.h"
#include "ops/autocast.h"
#include "ops/promotion.h"
#include "ops/reduction.h"
#include "tenon/base/parallel.h"
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

// Two different dims of A.
DimVector matrix_dims(const char* op, const Tensor& A, IntArrayRef dim) {
  TENON_CHECK(dim.size() == 2, op, ": dim must be a 2-tuple. Got ", dim);
  TENON_CHECK(A.dim() >= 2, op, ": The input tensor A must have at least 2 dimensions, got shape ", A.sizes());
  const DimVector dims = {wrap_dim(dim[0], A.dim(), op), wrap_dim(dim[1], A.dim(), op)};
  TENON_CHECK(dims[0] != dims[1], op, ": dims must be different. Got (", dim[0], ", ", dim[1], ")");
  return dims;
}

// Norms of the singular values of the matrices over two dims.
Tensor of_singular_values(const Tensor& A, const DimVector& dims, bool keepdim,
                          FunctionRef<Tensor(const Tensor& S)> norm) {
  Tensor out = norm(linalg_svdvals(movedim(A, dims, {-2, -1})));
  if (keepdim) out = out.unsqueeze(std::min(dims[0], dims[1])).unsqueeze(std::max(dims[0], dims[1]));
  return out;
}

// The largest element along a dim, or the smallest; 0 is the largest of none.
Tensor extreme(const Tensor& x, int64_t dim, bool largest, bool keepdim) {
  if (!largest) return amin(x, dim, keepdim);
  return x.size(dim) == 0 ? sum(x, dim, keepdim) : amax(x, dim, keepdim);
}

Tensor matrix_norm(const char* op, const Tensor& self, double ord, IntArrayRef dim, bool keepdim,
                   optional<ScalarType> dtype) {
  const DimVector dims = matrix_dims(op, self, dim);
  TENON_CHECK(std::abs(ord) == 1 || std::abs(ord) == 2 || std::isinf(ord), op, ": Order ", ord,
              " not supported for matrices");
  if (std::abs(ord) == 2) {
    return of_singular_values(dtype ? to_dtype(self, *dtype) : self, dims, keepdim,
                              [&](const Tensor& S) { return extreme(S, -1, ord > 0, false); });
  }
  const bool columns = !std::isinf(ord);
  const int64_t summed = columns ? dims[0] : dims[1];
  int64_t rest = columns ? dims[1] : dims[0];
  const Tensor sums = norm_of(op, self, 1, summed, keepdim, dtype);
  if (!keepdim && summed < rest) --rest;
  return extreme(sums, rest, ord > 0, keepdim);
}
Tensor matrix_norm(const char* op, const Tensor& self, std::string_view ord, IntArrayRef dim, bool keepdim,
                   optional<ScalarType> dtype) {
  const DimVector dims = matrix_dims(op, self, dim);
  TENON_CHECK(ord == "fro" || ord == "nuc", op, ": Order ", ord, " not supported; 'fro' and 'nuc' are");
  if (ord == "fro") return norm_of(op, self, 2, dims, keepdim, dtype);
  return of_singular_values(dtype ? to_dtype(self, *dtype) : self, dims, keepdim,
                            [](const Tensor& S) { return S.sum(-1); });
}

constexpr int64_t kLastDims[] = {-2, -1};

}  // namespace

Tensor norm(const Tensor& self, const optional<Scalar>& p, OptionalIntArrayRef dim, bool keepdim,
            optional<ScalarType> dtype) {
  TENON_AUTOCAST(norm, self, p, dim, keepdim, dtype)
  return norm_of("norm", self, p ? p->to_double() : 2, dim, keepdim, dtype);
}
Tensor norm(const Tensor& self, std::string_view p, OptionalIntArrayRef dim, bool keepdim, optional<ScalarType> dtype) {
  TENON_AUTOCAST(norm, self, p, dim, keepdim, dtype)
  TENON_CHECK(p == "fro" || p == "nuc", "norm: the norm must be a number, 'fro' or 'nuc', got '", p, "'");
  if (p == "fro") return norm_of("norm", self, 2, dim, keepdim, dtype);
  return matrix_norm("norm", self, p, dim ? *dim : IntArrayRef(kLastDims, 2), keepdim, dtype);
}

Tensor dist(const Tensor& self, const Tensor& other, const Scalar& p) {
  TENON_AUTOCAST(dist, self, other, p)
  return norm_of("dist", self - other, p.to_double(), nullopt, false, nullopt);
}

Tensor linalg_vector_norm(const Tensor& x, const Scalar& ord, OptionalIntArrayRef dim, bool keepdim,
                          optional<ScalarType> dtype) {
  TENON_AUTOCAST(linalg_vector_norm, x, ord, dim, keepdim, dtype)
  return norm_of("linalg.vector_norm", x, ord.to_double(), dim, keepdim, dtype);
}

Tensor linalg_norm(const Tensor& A, const optional<Scalar>& ord, OptionalIntArrayRef dim, bool keepdim,
                   optional<ScalarType> dtype) {
  TENON_AUTOCAST(linalg_norm, A, ord, dim, keepdim, dtype)
  if (!ord) return norm_of("linalg.norm", A, 2, dim, keepdim, dtype);
  TENON_CHECK(!dim || dim->size() <= 2, "linalg.norm: dim must be one or two dims, got ", *dim);
  TENON_CHECK(dim || A.dim() <= 2, "linalg.norm: A must have one or two dims unless dim is given, got shape ",
              A.sizes());
  const bool matrices = dim ? dim->size() == 2 : A.dim() == 2;
  if (!matrices) return norm_of("linalg.norm", A, ord->to_double(), dim, keepdim, dtype);
  return matrix_norm("linalg.norm", A, ord->to_double(), dim ? *dim : IntArrayRef(kLastDims, 2), keepdim, dtype);
}
Tensor linalg_norm(const Tensor& A, std::string_view ord, OptionalIntArrayRef dim, bool keepdim,
                   optional<ScalarType> dtype) {
  TENON_AUTOCAST(linalg_norm, A, ord, dim, keepdim, dtype)
  TENON_CHECK(dim ? dim->size() == 2 : A.dim() == 2, "linalg.norm: the norm '", ord, "' is of matrices; A has shape ",
              A.sizes());
  return matrix_norm("linalg.norm", A, ord, dim ? *dim : IntArrayRef(kLastDims, 2), keepdim, dtype);
}

Tensor linalg_matrix_norm(const Tensor& self, const Scalar& ord, IntArrayRef dim, bool keepdim,
                          optional<ScalarType> dtype) {
  TENON_AUTOCAST(linalg_matrix_norm, self, ord, dim, keepdim, dtype)
  return matrix_norm("linalg.matrix_norm", self, ord.to_double(), dim, keepdim, dtype);
}
Tensor linalg_matrix_norm(const Tensor& self, std::string_view ord, IntArrayRef dim, bool keepdim,
                          optional<ScalarType> dtype) {
  TENON_AUTOCAST(linalg_matrix_norm, self, ord, dim, keepdim, dtype)
  return matrix_norm("linalg.matrix_norm", self, ord, dim, keepdim, dtype);
}

}  // namespace tenon
