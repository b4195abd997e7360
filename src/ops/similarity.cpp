// Normalisation by norms and distances between vectors, composed of differentiable ops.
#include <algorithm>
#include <vector>

#include "ops/autocast.h"
#include "ops/promotion.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {

Tensor normalize(const Tensor& input, double p, OptionalIntArrayRef dim, double eps) {
  return input / input.norm(Scalar(p), dim, true).clamp_min(eps);
}

Tensor cosine_similarity(const Tensor& x1, const Tensor& x2, int64_t dim, double eps) {
  TENON_AUTOCAST(cosine_similarity, x1, x2, dim, eps)
  const ScalarType common = result_type({x1, x2});
  TENON_CHECK(is_floating_point(common), "cosine_similarity: expected a floating-point common dtype, got ", common);
  const DimVector sizes = broadcast_shapes(x1.sizes(), x2.sizes(), "cosine_similarity");
  const Tensor a = to_dtype(x1, common).expand(sizes), b = to_dtype(x2, common).expand(sizes);
  auto unit = [&](const Tensor& x) { return x / x.norm(Scalar(2), dim, true).clamp_min(eps); };
  return sum(unit(a) * unit(b), dim);
}

Tensor pairwise_distance(const Tensor& x1, const Tensor& x2, double p, double eps, bool keepdim) {
  return (x1 - x2 + eps).norm(Scalar(p), int64_t{-1}, keepdim);
}

Tensor local_response_norm(const Tensor& input, int64_t size, double alpha, double beta, double k) {
  TENON_CHECK_VALUE(input.dim() >= 3, "local_response_norm: Expected 3D or higher dimensionality input (got ",
                    input.dim(), " dimensions)");
  TENON_CHECK(size > 0, "local_response_norm: size must be positive, got ", size);
  if (input.numel() == 0) return input;
  const Tensor squares = square(input);
  const int64_t channels = input.size(1);
  DimVector margin = input.sizes();
  auto zeros_of = [&](int64_t width) {
    margin[1] = width;
    return zeros(margin, input.options());
  };
  // A window reaches no further than all channels, however wide it is.
  const int64_t before = std::min(size / 2, channels - 1), after = std::min((size - 1) / 2, channels - 1);
  const Tensor padded = cat({zeros_of(before), squares, zeros_of(after)}, 1);
  Tensor total = padded.narrow(1, 0, channels);
  for (int64_t i = 1; i <= before + after; ++i) total = total + padded.narrow(1, i, channels);
  // The mean of integers is one.
  const bool integral = is_integral(input.dtype(), true);
  const Tensor mean = div(total, Scalar(size), integral ? optional<std::string_view>("trunc") : nullopt);
  return input / pow(mean * Scalar(alpha) + k, beta);
}

}  // namespace tenon
