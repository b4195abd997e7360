// Distances between rows, and slices scaled down to a norm.
#include <algorithm>
#include <string_view>
#include <vector>

#include "autograd/record.h"
#include "ops/autocast.h"
#include "ops/elementwise.h"
#include "ops/linalg.h"
#include "ops/promotion.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

// The Euclidean distances from one matrix product. 0 is the gradient where there is none.
Tensor distances_by_product(const Tensor& x1, const Tensor& x2) {
  Tensor distances;
  {
    NoGradGuard no_grad;
    // |a|^2 - 2 a b + |b|^2, all in the product.
    auto squares = [](const Tensor& x) { return square(x).sum(int64_t{-1}, true); };
    auto one = [](const Tensor& x) { return ones_like(x.narrow(-1, 0, 1)); };
    const Tensor left = cat({x1 * -2, squares(x1), one(x1)}, -1), right = cat({x2, one(x2), squares(x2)}, -1);
    distances = sqrt(clamp_min(matmul(left, right.mT()), Scalar(0)));
  }
  return record("cdist", distances, {&x1, &x2}, {&x1, &x2, &distances}, [](const BackwardContext& ctx) -> Grads {
    const Tensor a = ctx.saved(0), b = ctx.saved(1), result = ctx.saved(2);
    const Tensor ratio = (ctx.grad() / result).masked_fill(result.eq(0), Scalar(0));
    auto gradient = [](const Tensor& of, const Tensor& other, const Tensor& ratios) {
      return sum_to_size(of * ratios.sum(int64_t{-1}, true) - matmul(ratios, other), of.sizes());
    };
    return {ctx.needs(0) ? gradient(a, b, ratio) : Tensor(), ctx.needs(1) ? gradient(b, a, ratio.mT()) : Tensor()};
  });
}

// The distances from all differences, some rows of x1 at a time.
Tensor distances_by_difference(const Tensor& x1, const Tensor& x2, double p) {
  constexpr int64_t kElements = int64_t{1} << 22;
  const int64_t rows = x1.size(-2), step = std::max<int64_t>(1, kElements / std::max<int64_t>(1, x2.numel()));
  std::vector<Tensor> parts;
  for (int64_t row = 0; row == 0 || row < rows; row += step) {
    const Tensor some = x1.narrow(-2, row, std::min(step, rows - row));
    parts.push_back(linalg_vector_norm(some.unsqueeze(-2) - x2.unsqueeze(-3), Scalar(p), int64_t{-1}));
  }
  return parts.size() == 1 ? parts[0] : cat(parts, -2);
}

Tensor renormed(const char* op, const Tensor& self, const Scalar& p, int64_t dim, const Scalar& maxnorm) {
  TENON_CHECK(!p.is_complex() && p.to_double() > 0, op, ": non-positive-norm not supported, got p = ", p);
  TENON_CHECK(!maxnorm.is_complex() && maxnorm.to_double() >= 0, op, ": expected maxnorm to be >= 0 but got ", maxnorm);
  TENON_CHECK(self.dim() > 1, op, ": input needs at least 2 dimensions, got ", self.dim(), " dimensions");
  const int64_t kept = wrap_dim(dim, self.dim(), op);
  DimVector dims;
  for (int64_t d = 0; d < self.dim(); ++d) {
    if (d != kept) dims.push_back(d);
  }
  const Tensor norm = linalg_vector_norm(self, p, dims, true, compute_dtype(self.dtype()));
  const Tensor factor = where(norm.gt(maxnorm), (norm + 1e-7).reciprocal() * maxnorm, Scalar(1.0));
  return self * to_dtype(factor, to_real(self.dtype()));
}

}  // namespace

Tensor cdist(const Tensor& x1, const Tensor& x2, double p, optional<std::string_view> compute_mode) {
  TENON_AUTOCAST(cdist, x1, x2, p, compute_mode)
  const std::string_view mode = compute_mode.value_or("use_mm_for_euclid_dist_if_necessary");
  TENON_CHECK_VALUE(mode == "use_mm_for_euclid_dist_if_necessary" || mode == "use_mm_for_euclid_dist" ||
                        mode == "donot_use_mm_for_euclid_dist",
                    "cdist: ", mode, " is not a valid value for compute_mode");
  TENON_CHECK(x1.dim() >= 2 && x2.dim() >= 2, "cdist: only supports at least 2D tensors, got shapes ", x1.sizes(),
              " and ", x2.sizes());
  TENON_CHECK(x1.is_floating_point() && x2.is_floating_point(), "cdist: only supports floating-point dtypes, got ",
              x1.dtype(), " and ", x2.dtype());
  check_alike("cdist", x1, x2, "x2");
  TENON_CHECK(x1.size(-1) == x2.size(-1), "cdist: x1 and x2 must have the same number of columns, got shapes ",
              x1.sizes(), " and ", x2.sizes());
  TENON_CHECK(p >= 0, "cdist: only supports non-negative p values, got ", p);
  // Rows without columns do not differ.
  if (x1.size(-1) == 0) return x1.sum(-1).unsqueeze(-1) + x2.sum(-1).unsqueeze(-2);
  const bool large = mode == "use_mm_for_euclid_dist" || x1.size(-2) > 25 || x2.size(-2) > 25;
  if (p == 2 && large && mode != "donot_use_mm_for_euclid_dist") return distances_by_product(x1, x2);
  return distances_by_difference(x1, x2, p);
}

Tensor pdist(const Tensor& input, double p) {
  TENON_AUTOCAST(pdist, input, p)
  TENON_CHECK(input.dim() == 2, "pdist: only supports 2D tensors, got ", input.dim(), "D");
  TENON_CHECK(input.is_floating_point(), "pdist: only supports floating-point dtypes, got ", input.dtype());
  TENON_CHECK(p >= 0, "pdist: only supports non-negative p values, got ", p);
  const Tensor pairs = triu_indices(input.size(0), input.size(0), 1, TensorOptions(kLong).device(input.device()));
  const Tensor differences = input.index_select(0, pairs.select(0, 0)) - input.index_select(0, pairs.select(0, 1));
  return input.size(1) == 0 ? differences.sum(-1) : linalg_vector_norm(differences, Scalar(p), int64_t{-1});
}

Tensor renorm(const Tensor& self, const Scalar& p, int64_t dim, const Scalar& maxnorm) {
  TENON_AUTOCAST(renorm, self, p, dim, maxnorm)
  return renormed("renorm", self, p, dim, maxnorm);
}
const Tensor& renorm_(const Tensor& self, const Scalar& p, int64_t dim, const Scalar& maxnorm) {
  return replace_inplace("renorm_", self, [&](const Tensor& old) { return renormed("renorm_", old, p, dim, maxnorm); });
}

}  // namespace tenon
