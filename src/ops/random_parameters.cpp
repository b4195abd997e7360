// Draws with a parameter for each element: gamma, Dirichlet, Poisson and binomial numbers, and implicit gradients.
#include "backend/kernels_of.h"
#include "backend/random_kernels.h"
#include "ops/elementwise.h"
#include "ops/random.h"
#include "tenon/base/shape.h"
#include "tensor/make.h"

namespace tenon {
namespace {

// Runs `fill(kernels, out, inputs...)` on contiguous views of inputs that are broadcast to one shape.
template <class Fill, class... Inputs>
Tensor of_each(const char* op, Fill fill, const Tensor& first, const Inputs&... rest) {
  NoGradGuard no_grad;
  DimVector sizes = first.impl()->sizes;
  [[maybe_unused]] const auto fit = [&](const Tensor& input) {
    TENON_CHECK(input.dtype() == first.dtype(), op, ": expected parameters of dtype ", first.dtype(), ", got ",
                input.dtype());
    TENON_CHECK_DEVICE(input.device() == first.device(), op, ": expected parameters on ", first.device(), ", got ",
                       input.device());
    sizes = broadcast_shapes(sizes, input.sizes(), op);
  };
  (fit(rest), ...);
  const Tensor out = make_tensor(sizes, first.dtype(), first.device(), op);
  if (out.numel() == 0) return out;
  const auto spread = [&](const Tensor& input) { return input.expand(sizes).contiguous(); };
  [&](const auto&... inputs) {
    fill(kernels_of<&Backend::random>(first.device(), op), view_of(out), view_of(inputs)...);
  }(spread(first), spread(rest)...);
  return out;
}

void check_single_or_double(const char* op, const Tensor& input) {
  TENON_CHECK_AS(NotImplementedError, input.dtype() == kFloat || input.dtype() == kDouble, op, ": not implemented for ",
                 input.dtype(), ", only for float32 and float64");
}

}  // namespace

Tensor poisson(const Tensor& self, const MaybeGenerator& generator) {
  TENON_CHECK_AS(NotImplementedError, self.is_floating_point(), "poisson: not implemented for ", self.dtype(),
                 ", only for floating dtypes");
  Tensor out = of_each(
      "poisson", [&](const auto& k, const auto&... views) { k.poisson(views..., source(generator)); }, self);
  return drawn("poisson", std::move(out), {&self});
}

Tensor binomial(const Tensor& count, const Tensor& prob, const MaybeGenerator& generator) {
  TENON_CHECK_VALUE(count.is_floating_point(), "binomial: count must be floating-point, got ", count.dtype());
  check_single_or_double("binomial", count);
  Tensor out = of_each(
      "binomial", [&](const auto& k, const auto&... views) { k.binomial(views..., source(generator)); }, count, prob);
  return without_derivative("binomial", std::move(out), {&count, &prob});
}

Tensor _standard_gamma(const Tensor& self, const MaybeGenerator& generator) {
  check_single_or_double("_standard_gamma", self);
  Tensor out = of_each(
      "_standard_gamma", [&](const auto& k, const auto&... views) { k.standard_gamma(views..., source(generator)); },
      self);
  return record("_standard_gamma", out, {&self}, {&self, &out}, [](const BackwardContext& ctx) -> Grads {
    return {ctx.grad() * _standard_gamma_grad(ctx.saved(0), ctx.saved(1))};
  });
}

Tensor _standard_gamma_grad(const Tensor& self, const Tensor& output) {
  check_single_or_double("_standard_gamma_grad", self);
  Tensor out = of_each(
      "_standard_gamma_grad", [](const auto& k, const auto&... views) { k.standard_gamma_gradient(views...); }, self,
      output);
  return without_derivative("_standard_gamma_grad", std::move(out), {&self, &output});
}

Tensor _sample_dirichlet(const Tensor& self, const MaybeGenerator& generator) {
  check_single_or_double("_sample_dirichlet", self);
  Tensor out;
  {
    NoGradGuard no_grad;
    // In double, so that few numbers underflow; then strictly between zero and one.
    const Tensor gamma = _standard_gamma(self.to(kDouble), generator);
    out = (gamma / gamma.sum({-1}, true)).to(self.dtype());
    const bool single = self.dtype() == kFloat;
    const double least = single ? 0x1p-126 : 0x1p-1022, greatest = 1 - (single ? 0x1p-24 : 0x1p-53);
    out.clamp_(least, greatest);
  }
  return record("_sample_dirichlet", out, {&self}, {&self, &out}, [](const BackwardContext& ctx) -> Grads {
    const Tensor concentration = ctx.saved(0), x = ctx.saved(1);
    const Tensor total = concentration.sum({-1}, true).expand(concentration.sizes());
    const Tensor centred = ctx.grad() - (x * ctx.grad()).sum({-1}, true);
    return {_dirichlet_grad(x, concentration, total) * centred};
  });
}

Tensor _dirichlet_grad(const Tensor& x, const Tensor& alpha, const Tensor& total) {
  check_single_or_double("_dirichlet_grad", x);
  Tensor out = of_each(
      "_dirichlet_grad", [](const auto& k, const auto&... views) { k.dirichlet_gradient(views...); }, x, alpha, total);
  return without_derivative("_dirichlet_grad", std::move(out), {&x, &alpha, &total});
}

}  // namespace tenon
