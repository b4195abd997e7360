// Covariances and correlations, made of other ops.
#include "ops/autocast.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

void check_weights(const char* name, const Tensor& weights, int64_t observations, bool of_kind, const char* kind) {
  TENON_CHECK(weights.dim() <= 1, "cov: expected ", name, " to have one or fewer dimensions but got ", weights.dim());
  TENON_CHECK(of_kind, "cov: expected ", name, " to have ", kind, " dtype but got ", weights.dtype());
  TENON_CHECK(weights.numel() == observations, "cov: expected ", name,
              " to have as many elements as there are "
              "observations in the input but got ",
              weights.numel(), " != ", observations);
  TENON_CHECK(observations == 0 || weights.ge(0).all().item<bool>(), "cov: ", name, " cannot be negative");
}

}  // namespace

Tensor cov(const Tensor& self, int64_t correction, const optional<Tensor>& fweights, const optional<Tensor>& aweights) {
  TENON_AUTOCAST(cov, self, correction, fweights, aweights)
  TENON_CHECK(self.dim() <= 2, "cov: expected input to have two or fewer dimensions but got an input with ", self.dim(),
              " dimensions");
  TENON_CHECK(self.dtype() != kBool, "cov: bool dtype is not supported for input");
  const Tensor x = self.dim() < 2 ? self.reshape({1, -1}) : self;
  const int64_t observations = x.size(1);
  optional<Tensor> weights;
  if (fweights) {
    check_weights("fweights", *fweights, observations, is_integral(fweights->dtype(), false), "integral");
    weights = *fweights;
  }
  if (aweights) {
    check_weights("aweights", *aweights, observations, is_floating_point(aweights->dtype()), "floating point");
    weights = weights ? *weights * *aweights : *aweights;
  }
  const Tensor total =
      weights ? sum(*weights) : full({}, Scalar(observations), TensorOptions(kLong).device(x.device()));
  TENON_CHECK(!weights || total.item<double>() != 0, "cov: weights sum to zero, can't be normalized");
  auto weighted = [&](const Tensor& values) { return weights ? values * *weights : values; };

  const Tensor centered = x - (weighted(x).sum(1) / total).unsqueeze(1);
  Tensor freedom = total - correction;
  if (aweights && correction != 0) freedom = total - sum(*weights * *aweights) * correction / total;
  // A negative number of degrees of freedom counts as none.
  if (freedom.item<double>() <= 0) freedom = zeros_like(freedom);
  return (mm(centered, weighted(centered).t().conj()) / freedom).squeeze();
}

Tensor corrcoef(const Tensor& self) {
  TENON_AUTOCAST(corrcoef, self)
  TENON_CHECK(self.dim() <= 2, "corrcoef: expected input to have two or fewer dimensions but got an input with ",
              self.dim(), " dimensions");
  const Tensor covariances = cov(self);
  if (covariances.dim() == 0) return covariances / covariances;
  const Tensor variances = covariances.diag();
  const Tensor deviations = sqrt(variances.is_complex() ? real(variances) : variances);
  const Tensor scaled = covariances / deviations.unsqueeze(1) / deviations.unsqueeze(0);
  if (!scaled.is_complex()) return clamp(scaled, Scalar(-1), Scalar(1));
  return view_as_complex(clamp(view_as_real(scaled), Scalar(-1), Scalar(1)));
}

}  // namespace tenon
