// Random factories and fills, and dropout.
#include "ops/random.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "autograd/record.h"
#include "backend/kernels_of.h"
#include "backend/random_kernels.h"
#include "ops/edit.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"
#include "tensor/make.h"

namespace tenon {

Tensor drawn(const char* op, Tensor out, TensorPointers parameters) {
  std::vector<DimVector> shapes;
  for (const Tensor* parameter : parameters) shapes.push_back(parameter->impl()->sizes);
  return record(op, std::move(out), parameters, {}, [shapes](const BackwardContext& ctx) -> Grads {
    Grads grads;
    for (const DimVector& shape : shapes) grads.push_back(zeros(shape, ctx.grad().options()));
    return grads;
  });
}

namespace {

// Edits self by `fill(kernels, view)`, which cuts it off from its history.
template <class Fill>
const Tensor& fill_randomly(const char* op, const Tensor& self, Fill fill) {
  check_not_expanded(self, op);
  const bool records = self.requires_grad() && GradMode::is_enabled();
  check_inplace(self, op, records);
  const SerialRegion serial(shares_elements(self));
  if (self.numel() > 0) {
    fill(kernels_of<&Backend::random>(self.device(), op), view_of(self));
  }
  self.impl()->version().bump(op);
  if (records) {
    record_inplace(op, self, &self, {}, [](const BackwardContext& ctx) -> Grads { return {zeros_like(ctx.grad())}; });
  }
  return self;
}

void check_floating(const char* op, const Tensor& self) {
  TENON_CHECK(self.is_floating_point(), op, ": the tensor must be floating-point, got ", self.dtype());
}

void check_real(const char* op, const Tensor& self) {
  TENON_CHECK(!self.is_complex(), op, ": not implemented for complex tensors");
}

// Fills a fresh tensor, then marks it as wanted.
template <class Fill>
Tensor fresh_random(Tensor out, const TensorOptions& options, Fill fill) {
  {
    NoGradGuard no_grad;
    fill(out);
  }
  if (options.requires_grad()) out.requires_grad_();
  return out;
}

TensorOptions unmarked(const TensorOptions& options) { return TensorOptions(options).requires_grad(false); }

}  // namespace

const Tensor& uniform_(const Tensor& self, double from, double to, const MaybeGenerator& generator) {
  TENON_CHECK(from <= to, "uniform_: from is ", from, ", which is above to, ", to);
  if (self.is_complex()) {
    TENON_CHECK(!self.requires_grad(), "uniform_: a complex tensor that requires grad cannot be filled in place");
    uniform_(view_as_real(self), from, to, generator);
    return self;
  }
  check_floating("uniform_", self);
  const double greatest = greatest_finite(self.dtype());
  TENON_CHECK(from >= -greatest && to <= greatest && to - from <= greatest, "uniform_: from ", from, ", to ", to,
              " and their distance must be finite in ", self.dtype());
  return fill_randomly("uniform_", self,
                       [&](const RandomKernels& k, TensorView out) { k.uniform(out, from, to, source(generator)); });
}

const Tensor& normal_(const Tensor& self, double mean, double std, const MaybeGenerator& generator) {
  TENON_CHECK(std >= 0, "normal_: std must not be negative, got ", std);
  if (self.is_complex()) {
    TENON_CHECK(!self.requires_grad(), "normal_: a complex tensor that requires grad cannot be filled in place");
    normal_(view_as_real(self), mean, std / std::sqrt(2.0), generator);
    return self;
  }
  check_floating("normal_", self);
  return fill_randomly("normal_", self,
                       [&](const RandomKernels& k, TensorView out) { k.normal(out, mean, std, source(generator)); });
}

const Tensor& log_normal_(const Tensor& self, double mean, double std, const MaybeGenerator& generator) {
  check_floating("log_normal_", self);
  TENON_CHECK(std > 0, "log_normal_: std must be positive, got ", std);
  return fill_randomly("log_normal_", self, [&](const RandomKernels& k, TensorView out) {
    k.log_normal(out, mean, std, source(generator));
  });
}

const Tensor& cauchy_(const Tensor& self, double median, double sigma, const MaybeGenerator& generator) {
  check_floating("cauchy_", self);
  TENON_CHECK(sigma > 0, "cauchy_: sigma must be positive, got ", sigma);
  return fill_randomly("cauchy_", self, [&](const RandomKernels& k, TensorView out) {
    k.cauchy(out, median, sigma, source(generator));
  });
}

const Tensor& exponential_(const Tensor& self, double lambd, const MaybeGenerator& generator) {
  check_floating("exponential_", self);
  TENON_CHECK(lambd > 0, "exponential_: lambd must be positive, got ", lambd);
  return fill_randomly("exponential_", self,
                       [&](const RandomKernels& k, TensorView out) { k.exponential(out, lambd, source(generator)); });
}

const Tensor& geometric_(const Tensor& self, double p, const MaybeGenerator& generator) {
  check_real("geometric_", self);
  TENON_CHECK(self.dtype() != kBool, "geometric_: not implemented for bool tensors");
  TENON_CHECK(p > 0 && p < 1, "geometric_: p must be between 0 and 1, got ", p);
  return fill_randomly("geometric_", self,
                       [&](const RandomKernels& k, TensorView out) { k.geometric(out, p, source(generator)); });
}

const Tensor& bernoulli_(const Tensor& self, double p, const MaybeGenerator& generator) {
  check_real("bernoulli_", self);
  TENON_CHECK(p >= 0 && p <= 1, "bernoulli_: p must be between 0 and 1, got ", p);
  return fill_randomly("bernoulli_", self,
                       [&](const RandomKernels& k, TensorView out) { k.bernoulli(out, p, source(generator)); });
}

const Tensor& bernoulli_(const Tensor& self, const Tensor& p, const MaybeGenerator& generator) {
  check_real("bernoulli_", self);
  check_floating("bernoulli_", p);
  check_same_device("bernoulli_", self, p, "p");
  const Tensor probabilities = apart_from(p.detach(), self).expand(self.sizes());
  return fill_randomly("bernoulli_", self, [&](const RandomKernels& k, TensorView out) {
    k.bernoulli_each(out, view_of(probabilities), source(generator));
  });
}

const Tensor& random_(const Tensor& self, const MaybeGenerator& generator) {
  check_real("random_", self);
  return fill_randomly("random_", self,
                       [&](const RandomKernels& k, TensorView out) { k.any_integers(out, source(generator)); });
}

const Tensor& random_(const Tensor& self, int64_t to, const MaybeGenerator& generator) {
  return random_(self, 0, to, generator);
}

namespace {

// The integers that a dtype holds at all, and the greatest below which it holds all of them.
struct IntegerLimits {
  int64_t least, greatest, exact;
};

IntegerLimits integer_limits(ScalarType dtype) {
  switch (dtype) {
    case kBool:
      return {0, 1, 1};
    case kByte:
      return {0, UINT8_MAX, UINT8_MAX};
    case kChar:
      return {INT8_MIN, INT8_MAX, INT8_MAX};
    case kShort:
      return {INT16_MIN, INT16_MAX, INT16_MAX};
    case kInt:
      return {INT32_MIN, INT32_MAX, INT32_MAX};
    case kLong:
      return {INT64_MIN, INT64_MAX, INT64_MAX};
    case kUInt16:
      return {0, UINT16_MAX, UINT16_MAX};
    case kUInt32:
      return {0, UINT32_MAX, UINT32_MAX};
    case kUInt64:
      return {0, INT64_MAX, INT64_MAX};
    case kHalf:
      return {-65504, 65504, int64_t{1} << 11};
    case kBFloat16:
      return {INT64_MIN, INT64_MAX, int64_t{1} << 8};
    case kFloat:
      return {INT64_MIN, INT64_MAX, int64_t{1} << 24};
    default:
      return {INT64_MIN, INT64_MAX, int64_t{1} << 53};
  }
}

// The distance of neighbouring numbers at `value`, of a float dtype that holds all integers up to `exact`.
int64_t spacing(int64_t value, int64_t exact) {
  const uint64_t magnitude = value < 0 ? -static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  return std::max<int64_t>(static_cast<int64_t>(std::bit_floor(magnitude) / static_cast<uint64_t>(exact)) * 2, 1);
}

int64_t rounded_to(ScalarType dtype, int64_t value) {
  return visit_dtype(dtype, [&](auto zero) { return Scalar(Scalar(value).to<decltype(zero)>()).to_int64(); });
}

// Where rounding to a float dtype would lead out of [from, to), the bounds move inwards, to the next number it holds.
int64_t rounded_up(int64_t from, ScalarType dtype, int64_t exact) {
  if (from == INT64_MAX) return from;
  const int64_t next = rounded_to(dtype, from + 1);
  return next < from ? next + spacing(from + 1, exact) : from;
}
int64_t rounded_down(int64_t to, ScalarType dtype, int64_t exact) {
  const int64_t last = rounded_to(dtype, to - 1);
  // An end that rounds beyond 64 bits stays, as in PyTorch.
  return last >= to && last != INT64_MAX ? last - spacing(to - 1, exact) : to;
}

}  // namespace

const Tensor& random_(const Tensor& self, int64_t from, optional<int64_t> to, const MaybeGenerator& generator) {
  check_real("random_", self);
  const ScalarType dtype = self.dtype();
  const IntegerLimits limits = integer_limits(dtype);
  // Without an end the range reaches, inclusive, as far as the dtype holds all integers.
  TENON_CHECK(to ? from < *to : from <= limits.exact, "random_: from is ", from, ", which is not below to, ",
              to.value_or(limits.exact));
  const int64_t last = to ? *to - 1 : limits.exact;
  TENON_CHECK(from >= limits.least && last <= limits.greatest, "random_: the range from ", from, " to ", last,
              " is out of bounds for ", dtype);
  uint64_t range = static_cast<uint64_t>(last) - static_cast<uint64_t>(from) + 1;
  if (self.is_floating_point()) {
    from = rounded_up(from, dtype, limits.exact);
    const int64_t end = to ? rounded_down(*to, dtype, limits.exact) : last + 1;
    TENON_CHECK(from < end, "random_: no number of dtype ", dtype, " is in the range");
    range = static_cast<uint64_t>(end) - static_cast<uint64_t>(from);
  }
  return fill_randomly("random_", self, [&](const RandomKernels& k, TensorView out) {
    k.integers(out, range, from, source(generator));
  });
}

Tensor rand(IntArrayRef size, const TensorOptions& options, const MaybeGenerator& generator) {
  TENON_CHECK(is_differentiable(options.dtype()), "rand: dtype must be floating-point, got ", options.dtype());
  return fresh_random(empty(size, unmarked(options)), options,
                      [&](const Tensor& out) { uniform_(out, 0, 1, generator); });
}

Tensor rand_like(const Tensor& self, const TensorOptions& options, const MaybeGenerator& generator) {
  return fresh_random(empty_like(self, unmarked(options)), options,
                      [&](const Tensor& out) { uniform_(out, 0, 1, generator); });
}

Tensor randn(IntArrayRef size, const TensorOptions& options, const MaybeGenerator& generator) {
  TENON_CHECK(is_differentiable(options.dtype()), "randn: dtype must be floating-point, got ", options.dtype());
  return fresh_random(empty(size, unmarked(options)), options,
                      [&](const Tensor& out) { normal_(out, 0, 1, generator); });
}

Tensor randn_like(const Tensor& self, const TensorOptions& options, const MaybeGenerator& generator) {
  return fresh_random(empty_like(self, unmarked(options)), options,
                      [&](const Tensor& out) { normal_(out, 0, 1, generator); });
}

namespace {
void check_range(const char* op, int64_t low, int64_t high) {
  TENON_CHECK(low < high, op, ": low is ", low, ", which is not below high, ", high);
}
TensorOptions as_long(const TensorOptions& options) {
  return unmarked(options).dtype(options.dtype_opt().value_or(kLong));
}
}  // namespace

Tensor randint(int64_t high, IntArrayRef size, const TensorOptions& options, const MaybeGenerator& generator) {
  return randint(0, high, size, options, generator);
}
Tensor randint(int64_t low, int64_t high, IntArrayRef size, const TensorOptions& options,
               const MaybeGenerator& generator) {
  check_range("randint", low, high);
  return fresh_random(empty(size, as_long(options)), options,
                      [&](const Tensor& out) { random_(out, low, high, generator); });
}
Tensor randint_like(const Tensor& self, int64_t high, const TensorOptions& options) {
  return randint_like(self, 0, high, options);
}
Tensor randint_like(const Tensor& self, int64_t low, int64_t high, const TensorOptions& options) {
  check_range("randint_like", low, high);
  return fresh_random(empty_like(self, unmarked(options)), options,
                      [&](const Tensor& out) { random_(out, low, high, nullopt); });
}

Tensor randperm(int64_t n, const TensorOptions& options, const MaybeGenerator& generator) {
  TENON_CHECK(n >= 0, "randperm: n must not be negative, got ", n);
  Tensor out = empty({n}, as_long(options));
  check_real("randperm", out);
  TENON_CHECK(out.dtype() != kBool && n - 1 <= integer_limits(out.dtype()).exact, "randperm: n is ", n,
              ", too large for dtype ", out.dtype());
  return fresh_random(out, options, [&](const Tensor& tensor) {
    fill_randomly("randperm", tensor,
                  [&](const RandomKernels& k, TensorView view) { k.permutation(view, source(generator)); });
  });
}

namespace {
Tensor noise_of(IntArrayRef sizes, const TensorOptions& options, double std, const MaybeGenerator& generator) {
  return normal_(empty(sizes, unmarked(options)), 0, std, generator);
}

void check_deviations(const Tensor& std) {
  TENON_CHECK(!std.is_complex(), "normal: std must be real, got ", std.dtype());
  TENON_CHECK(std.numel() == 0 || std.detach().min().item<double>() >= 0, "normal: all elements of std must be >= 0.0");
}
}  // namespace

Tensor normal(double mean, double std, IntArrayRef size, const TensorOptions& options,
              const MaybeGenerator& generator) {
  return fresh_random(empty(size, unmarked(options)), options,
                      [&](const Tensor& out) { normal_(out, mean, std, generator); });
}
Tensor normal(const Tensor& mean, double std, const MaybeGenerator& generator) {
  return drawn("normal", noise_of(mean.sizes(), mean.options(), std, generator).add_(mean.detach()), {&mean});
}
Tensor normal(double mean, const Tensor& std, const MaybeGenerator& generator) {
  check_deviations(std);
  return drawn("normal", noise_of(std.sizes(), std.options(), 1, generator).mul_(std.detach()).add_(mean), {&std});
}
Tensor normal(const Tensor& mean, const Tensor& std, const MaybeGenerator& generator) {
  check_deviations(std);
  const DimVector sizes = broadcast_shapes(mean.sizes(), std.sizes(), "normal");
  const Tensor noise = noise_of(sizes, mean.options(), 1, generator);
  return drawn("normal", noise.mul_(std.detach()).add_(mean.detach()), {&mean, &std});
}

Tensor bernoulli(const Tensor& self, const MaybeGenerator& generator) {
  return drawn("bernoulli", bernoulli_(empty(self.sizes(), unmarked(self.options())), self.detach(), generator),
               {&self});
}
Tensor bernoulli(const Tensor& self, double p, const MaybeGenerator& generator) {
  return drawn("bernoulli", bernoulli_(empty(self.sizes(), unmarked(self.options())), p, generator), {&self});
}

Tensor multinomial(const Tensor& self, int64_t num_samples, bool replacement, const MaybeGenerator& generator) {
  check_floating("multinomial", self);
  TENON_CHECK(self.dim() == 1 || self.dim() == 2, "multinomial: the weights must have 1 or 2 dims, got shape ",
              self.sizes());
  TENON_CHECK(num_samples > 0, "multinomial: num_samples must be positive, got ", num_samples);
  TENON_CHECK(self.size(-1) > 0, "multinomial: there are no weights to draw from");
  TENON_CHECK(replacement || num_samples <= self.size(-1), "multinomial: cannot draw ", num_samples, " of ",
              self.size(-1), " without replacement");
  DimVector sizes = self.impl()->sizes;
  sizes.back() = num_samples;
  NoGradGuard no_grad;
  return fill_randomly("multinomial", make_tensor(sizes, kLong, self.device()),
                       [&](const RandomKernels& k, TensorView out) {
                         k.multinomial(out, view_of(self), replacement, source(generator));
                       });
}

namespace {

void check_probability(const char* op, double p) {
  TENON_CHECK_VALUE(p >= 0 && p <= 1, op, ": p must be between 0 and 1, got ", p);
}

Tensor apply_mask(const Tensor& input, const Tensor& mask, bool inplace) {
  return inplace ? input.mul_(mask) : mul(input, mask);
}

enum class Dropped : uint8_t { Elements, Channels };

// Memory for the noise: in input's own order, which decides what element each number falls to, or one for each channel.
Tensor noise_for(const char* op, const Tensor& input, Dropped dropped) {
  TENON_CHECK(is_differentiable(input.dtype()), op, ": input must be floating-point, got ", input.dtype());
  check_real(op, input);
  if (dropped == Dropped::Elements) return make_like(input, input.dtype());
  TENON_CHECK(input.dim() >= 2, op, ": input must have at least 2 dims, got shape ", input.sizes());
  DimVector sizes(input.sizes().size(), 1);
  sizes[0] = input.size(0);
  sizes[1] = input.size(1);
  return make_tensor(sizes, input.dtype(), input.device(), op);
}

bool keeps_all(const Tensor& input, double p, bool training) { return input.numel() == 0 || !training || p == 0; }

Tensor drop(const char* op, const Tensor& input, double p, bool training, bool inplace, Dropped dropped) {
  check_probability(op, p);
  if (keeps_all(input, p, training)) return input;
  if (p == 1) return apply_mask(input, zeros({}, input.options()), inplace);
  const Tensor mask = fill_randomly(op, noise_for(op, input, dropped), [&](const RandomKernels& k, TensorView out) {
    k.dropout_mask(out, p, default_generator());
  });
  return apply_mask(input, mask, inplace);
}

// Dropped elements become the negative saturation value; the affine step restores mean and variance.
Tensor alpha_drop(const char* op, const Tensor& input, double p, bool training, bool inplace, Dropped dropped) {
  check_probability(op, p);
  if (keeps_all(input, p, training)) return input;
  if (p == 1) return apply_mask(input, zeros({}, input.options()), inplace);
  constexpr double kAlpha = 1.7580993408473766;
  const double a = 1 / std::sqrt((kAlpha * kAlpha * p + 1) * (1 - p));
  Tensor kept, shift;
  {
    NoGradGuard no_grad;
    kept = bernoulli_(noise_for(op, input, dropped), 1 - p, nullopt);
    shift = add(mul(sub(kept, 1), kAlpha * a), kAlpha * a * p);
    kept = mul(kept, a);
  }
  if (inplace) return input.mul_(kept).add_(shift);
  return add(mul(input, kept), shift);
}

}  // namespace

Tensor dropout(const Tensor& input, double p, bool training, bool inplace) {
  return drop("dropout", input, p, training, inplace, Dropped::Elements);
}
Tensor feature_dropout(const Tensor& input, double p, bool training, bool inplace) {
  return drop("feature_dropout", input, p, training, inplace, Dropped::Channels);
}
Tensor alpha_dropout(const Tensor& input, double p, bool training, bool inplace) {
  return alpha_drop("alpha_dropout", input, p, training, inplace, Dropped::Elements);
}
Tensor feature_alpha_dropout(const Tensor& input, double p, bool training, bool inplace) {
  return alpha_drop("feature_alpha_dropout", input, p, training, inplace, Dropped::Channels);
}

}  // namespace tenon
