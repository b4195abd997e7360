// Products of vectors and matrices that are made of other ops.
#include <algorithm>
#include <vector>

#include "ops/autocast.h"
#include "ops/linalg.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {

Tensor linalg_matmul(const Tensor& self, const Tensor& other) {
  TENON_AUTOCAST(linalg_matmul, self, other)
  return matmul(self, other);
}

Tensor linalg_multi_dot(TensorList tensors) {
  TENON_AUTOCAST(linalg_multi_dot, tensors)
  const char* op = "linalg.multi_dot";
  const size_t n = tensors.size();
  TENON_CHECK(n >= 2, op, ": expected at least 2 tensors but got ", n);
  std::vector<Tensor> matrices(tensors.begin(), tensors.end());
  for (size_t i = 0; i < n; ++i) {
    const bool outer = i == 0 || i == n - 1;
    TENON_CHECK(tensors[i].dim() == 2 || (outer && tensors[i].dim() == 1), op, ": tensor ", i, " must be ",
                outer ? "1D or 2D" : "2D", " but got ", tensors[i].dim(), "D");
  }
  if (tensors[0].dim() == 1) matrices[0] = tensors[0].unsqueeze(0);
  if (tensors[n - 1].dim() == 1) matrices[n - 1] = tensors[n - 1].unsqueeze(1);
  Tensor product = chain_matmul(matrices);
  if (tensors[n - 1].dim() == 1) product = product.squeeze(1);
  return tensors[0].dim() == 1 ? product.squeeze(0) : product;
}

Tensor linalg_cross(const Tensor& self, const Tensor& other, int64_t dim) {
  const char* op = "linalg.cross";
  TENON_CHECK(self.dim() == other.dim(), op, ": inputs must have the same number of dimensions, got shapes ",
              self.sizes(), " and ", other.sizes());
  TENON_CHECK(self.size(dim) == 3 && other.size(dim) == 3, op, ": inputs dimension ", dim, " must have length 3. Got ",
              self.size(dim), " and ", other.size(dim));
  // Elements 1, 2, 0 and 2, 0, 1.
  auto next = [dim](const Tensor& x) { return roll(x, {-1}, {dim}); };
  auto after_next = [dim](const Tensor& x) { return roll(x, {1}, {dim}); };
  return next(self) * after_next(other) - after_next(self) * next(other);
}

Tensor cross(const Tensor& self, const Tensor& other, optional<int64_t> dim) {
  if (dim) return linalg_cross(self, other, *dim);
  for (int64_t d = 0; d < self.dim(); ++d) {
    if (self.size(d) == 3) return linalg_cross(self, other, d);
  }
  detail::fail<TensorError>("cross: no dimension of size 3 in input of shape ", self.sizes());
}

Tensor linalg_vecdot(const Tensor& x, const Tensor& y, int64_t dim) {
  TENON_AUTOCAST(linalg_vecdot, x, y, dim)
  TENON_CHECK(is_differentiable(x.dtype()), "linalg.vecdot: Expected a floating point or complex tensor as input. Got ",
              x.dtype());
  TENON_CHECK(x.dtype() == y.dtype(), "linalg.vecdot: Expected x and y to have the same dtype, got ", x.dtype(),
              " and ", y.dtype());
  return sum(x.conj() * y, dim);
}

Tensor kron(const Tensor& self, const Tensor& other) {
  const int64_t dims = std::max(self.dim(), other.dim());
  DimVector left, right, sizes;
  for (int64_t d = 0; d < dims; ++d) {
    auto size = [&](const Tensor& x) {
      const int64_t own = d - (dims - x.dim());
      return own < 0 ? 1 : x.size(own);
    };
    left.push_back(size(self));
    left.push_back(1);
    right.push_back(1);
    right.push_back(size(other));
    sizes.push_back(checked_mul(size(self), size(other), "kron"));
  }
  return (self.reshape(left) * other.reshape(right)).reshape(sizes);
}

Tensor linalg_diagonal(const Tensor& A, int64_t offset, int64_t dim1, int64_t dim2) {
  return diagonal(A, offset, dim1, dim2);
}

Tensor linalg_vander(const Tensor& x, optional<int64_t> N) {
  const char* op = "linalg.vander";
  TENON_CHECK(x.dtype() != kBool, op, ": not implemented for bool tensors");
  const Tensor base = x.dim() == 0 ? x.unsqueeze(0) : x;
  const int64_t count = N.value_or(base.size(-1));
  TENON_CHECK(count > 1, op, ": N must be greater than 1, got ", count);
  DimVector sizes = base.sizes();
  sizes.push_back(count - 1);
  const Tensor powers = cumprod(base.unsqueeze(-1).expand(sizes), -1);
  sizes.back() = 1;
  return cat({ones(sizes, powers.options()), powers}, -1);
}

}  // namespace tenon
