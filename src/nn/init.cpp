// Initial values of parameters; see init.h.
#include "tenon/nn/init.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tenon/autograd/grad_mode.h"
#include "tenon/base/shape.h"

namespace tenon::nn::init {
namespace {

void check_matrix(const char* op, const Tensor& tensor) {
  TENON_CHECK_VALUE(tensor.dim() == 2, op, ": Only tensors with 2 dimensions are supported, got shape ",
                    tensor.sizes());
}

// Where most numbers fall into [a, b]: what misses it is drawn again.
void redraw_outside(const Tensor& tensor, double mean, double std, double a, double b,
                    const MaybeGenerator& generator) {
  // As the dtype has them.
  const Scalar low = scalar_tensor(a, tensor.options()).item(), high = scalar_tensor(b, tensor.options()).item();
  tensor.normal_(mean, std, generator);
  Tensor kept = tensor;
  for (;;) {
    const Tensor outside = logical_or(lt(kept, low), gt(kept, high));
    if (!outside.any().item<bool>()) break;
    kept = where(outside, empty_like(kept).normal_(mean, std, generator), kept);
  }
  if (!kept.is_same(tensor)) tensor.copy_(kept);
}

// Otherwise numbers uniform in [a, b] are accepted with the probability that their density has of its peak.
void redraw_rejected(const Tensor& tensor, double mean, double std, double a, double b,
                     const MaybeGenerator& generator) {
  const double peak = (std::max(a, std::min(mean, b)) - mean) / std;
  auto rejected = [&](const Tensor& candidates) {
    const Tensor log_density = candidates.sub(mean).div_(std).pow_(2).mul_(-0.5).sub_(-0.5 * (peak * peak));
    return empty_like(candidates).uniform_(0, 1, generator).log_().gt(log_density);
  };
  tensor.uniform_(a, b, generator);
  Tensor kept = tensor, pending = rejected(tensor);
  if (!pending.any().item<bool>()) return;
  const Tensor candidates = empty_like(tensor);
  while (pending.any().item<bool>()) {
    candidates.uniform_(a, b, generator);
    kept = where(pending, candidates, kept);
    pending = logical_and(pending, rejected(candidates));
  }
  tensor.copy_(kept);
}

double xavier_std(const Tensor& tensor, double gain) {
  const auto [fan_in, fan_out] = _calculate_fan_in_and_fan_out(tensor);
  return gain * std::sqrt(2.0 / static_cast<double>(fan_in + fan_out));
}

double kaiming_std(const Tensor& tensor, double a, FanModeType mode, NonlinearityType nonlinearity) {
  TENON_CHECK_VALUE(mode == kFanIn || mode == kFanOut, "Mode ", mode,
                    " not supported, please use one of ['fan_in', 'fan_out']");
  const auto [fan_in, fan_out] = _calculate_fan_in_and_fan_out(tensor);
  return calculate_gain(nonlinearity, a) / std::sqrt(static_cast<double>(mode == kFanIn ? fan_in : fan_out));
}

}  // namespace

const Tensor& uniform_(const Tensor& tensor, double low, double high, const MaybeGenerator& generator) {
  NoGradGuard no_grad;
  return tensor.uniform_(low, high, generator);
}

const Tensor& normal_(const Tensor& tensor, double mean, double std, const MaybeGenerator& generator) {
  NoGradGuard no_grad;
  return tensor.normal_(mean, std, generator);
}

const Tensor& trunc_normal_(const Tensor& tensor, double mean, double std, double a, double b,
                            const MaybeGenerator& generator) {
  TENON_CHECK_VALUE(std > 0, "trunc_normal_: std must be positive, got ", std);
  NoGradGuard no_grad;
  auto share_below = [&](double x) { return (1 + std::erf((x - mean) / std / std::numbers::sqrt2)) / 2; };
  const bool mostly_inside = share_below(b) - share_below(a) > 0.3;
  (mostly_inside ? redraw_outside : redraw_rejected)(tensor, mean, std, a, b, generator);
  return tensor;
}

const Tensor& constant_(const Tensor& tensor, const Scalar& value) {
  NoGradGuard no_grad;
  return tensor.fill_(value);
}

const Tensor& ones_(const Tensor& tensor) { return constant_(tensor, 1); }
const Tensor& zeros_(const Tensor& tensor) { return constant_(tensor, 0); }

const Tensor& eye_(const Tensor& matrix) {
  check_matrix("eye_", matrix);
  NoGradGuard no_grad;
  return matrix.copy_(eye(matrix.size(0), matrix.size(1), matrix.options().requires_grad(false)));
}

const Tensor& dirac_(const Tensor& tensor, int64_t groups) {
  TENON_CHECK_VALUE(tensor.dim() >= 3 && tensor.dim() <= 5,
                    "dirac_: Only tensors with 3, 4, or 5 dimensions are supported, got shape ", tensor.sizes());
  TENON_CHECK_VALUE(groups > 0 && tensor.size(0) % groups == 0, "dirac_: dim 0 must be divisible by groups, got shape ",
                    tensor.sizes(), " and groups ", groups);
  NoGradGuard no_grad;
  tensor.zero_();
  // The middle of the kernel, where one input channel meets one output channel.
  Tensor middle = tensor;
  while (middle.dim() > 2) middle = middle.select(2, middle.size(2) / 2);
  const int64_t channels = tensor.size(0) / groups;
  for (int64_t group = 0; group < groups; ++group) middle.narrow(0, group * channels, channels).diagonal().fill_(1);
  return tensor;
}

const Tensor& xavier_uniform_(const Tensor& tensor, double gain, const MaybeGenerator& generator) {
  const double bound = std::numbers::sqrt3 * xavier_std(tensor, gain);
  return init::uniform_(tensor, -bound, bound, generator);
}

const Tensor& xavier_normal_(const Tensor& tensor, double gain, const MaybeGenerator& generator) {
  return init::normal_(tensor, 0, xavier_std(tensor, gain), generator);
}

const Tensor& kaiming_uniform_(const Tensor& tensor, double a, FanModeType mode, NonlinearityType nonlinearity,
                               const MaybeGenerator& generator) {
  if (tensor.numel() == 0) return tensor;
  const double bound = std::numbers::sqrt3 * kaiming_std(tensor, a, mode, nonlinearity);
  return init::uniform_(tensor, -bound, bound, generator);
}

const Tensor& kaiming_normal_(const Tensor& tensor, double a, FanModeType mode, NonlinearityType nonlinearity,
                              const MaybeGenerator& generator) {
  if (tensor.numel() == 0) return tensor;
  return init::normal_(tensor, 0, kaiming_std(tensor, a, mode, nonlinearity), generator);
}

const Tensor& sparse_(const Tensor& matrix, double sparsity, double std, const MaybeGenerator& generator) {
  check_matrix("sparse_", matrix);
  const int64_t rows = matrix.size(0);
  const double zeros = std::ceil(sparsity * static_cast<double>(rows));
  TENON_CHECK_VALUE(zeros >= 0, "sparse_: sparsity must not be negative, got ", sparsity);
  const auto count = static_cast<int64_t>(std::min(zeros, static_cast<double>(rows)));
  NoGradGuard no_grad;
  matrix.normal_(0, std, generator);
  for (int64_t column = 0; column < matrix.size(1); ++column) {
    // PyTorch draws the places from the default generator, whichever one is given.
    matrix.select(1, column).index_fill_(0, randperm(rows).narrow(0, 0, count), 0);
  }
  return matrix;
}

const Tensor& orthogonal_(const Tensor& tensor, double gain, const MaybeGenerator& generator) {
  TENON_CHECK_VALUE(tensor.dim() >= 2,
                    "orthogonal_: Only tensors with 2 or more dimensions are supported, got shape ", tensor.sizes());
  if (tensor.numel() == 0) return tensor;
  NoGradGuard no_grad;
  const int64_t rows = tensor.size(0), columns = tensor.numel() / rows;
  Tensor matrix = empty({rows, columns}, tensor.options()).normal_(0, 1, generator);
  if (rows < columns) matrix = matrix.t();
  const auto [q, r] = linalg_qr(matrix);
  // Signs that make the decomposition unique.
  const Tensor signed_q = q * r.diagonal().sign();
  return tensor.copy_((rows < columns ? signed_q.t() : signed_q).reshape(tensor.sizes())).mul_(gain);
}

double calculate_gain(NonlinearityType nonlinearity, double param) {
  if (nonlinearity == kTanh) return 5.0 / 3;
  if (nonlinearity == kReLU) return std::numbers::sqrt2;
  if (nonlinearity == kLeakyReLU) return std::sqrt(2.0 / (1 + param * param));
  if (nonlinearity == kSELU) return 0.75;
  const bool keeps = nonlinearity == kLinear || nonlinearity == kSigmoid || nonlinearity == kConv1D ||
                     nonlinearity == kConv2D || nonlinearity == kConv3D || nonlinearity == kConvTranspose1D ||
                     nonlinearity == kConvTranspose2D || nonlinearity == kConvTranspose3D;
  TENON_CHECK_VALUE(keeps, "calculate_gain: Unsupported nonlinearity ", nonlinearity);
  return 1;
}

std::pair<int64_t, int64_t> _calculate_fan_in_and_fan_out(const Tensor& tensor) {
  TENON_CHECK_VALUE(tensor.dim() >= 2,
                    "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions, got shape ",
                    tensor.sizes());
  const int64_t field = checked_numel(tensor.sizes().slice(2), "_calculate_fan_in_and_fan_out");
  return {tensor.size(1) * field, tensor.size(0) * field};
}

}  // namespace tenon::nn::init
