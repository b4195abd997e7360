// Layer and root-mean-square normalisation of the last dims, and normalisation of groups of channels.
#include <limits>

#include "autograd/record.h"
#include "ops/autocast.h"
#include "ops/maybe_view.h"
#include "ops/norm_kernels.h"
#include "ops/promotion.h"
#include "ops/reduction.h"
#include "ops/same_device.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"
#include "tensor/make.h"

namespace tenon {
namespace {

enum class RowNorm : bool { Layer, Rms };

// The tensor as contiguous rows of n, not recorded.
Tensor rows_of(const Tensor& x, int64_t n) {
  NoGradGuard no_grad;
  return x.contiguous().view({-1, n});
}

// A weight or bias as one contiguous dim, not recorded.
Tensor flat_or_none(const Tensor& x) {
  NoGradGuard no_grad;
  return x.defined() ? x.contiguous().view({-1}) : x;
}

// The gradients by the fused kernels.
Grads fused_grads(RowNorm kind, const char* op, const BackwardContext& ctx, int64_t n) {
  const Tensor input = ctx.saved(0), weight = flat_or_none(ctx.saved(1)), rstd = ctx.saved(2);
  const Tensor x = rows_of(input, n), g = rows_of(to_dtype(ctx.grad(), input.dtype()), n);
  Grads grads(kind == RowNorm::Layer ? 3 : 2);
  Tensor grad_in;
  if (ctx.needs(0)) grad_in = make_tensor(x.sizes(), x.dtype(), x.device(), op);
  if (ctx.needs(1)) grads[1] = make_tensor({n}, weight.dtype(), x.device(), op);
  const MaybeView weight_view(weight), grad_in_view(grad_in), grad_weight_view(grads[1]);
  if (kind == RowNorm::Layer) {
    const Tensor mean = ctx.saved(3);
    if (ctx.needs(2)) grads[2] = make_tensor({n}, ctx.saved(4).dtype(), x.device(), op);
    const MaybeView grad_bias_view(grads[2]);
    norm_kernels(x, op).layer_norm_backward(grad_in_view, grad_weight_view, grad_bias_view, view_of(g), view_of(x),
                                            view_of(mean), view_of(rstd), weight_view);
  } else {
    norm_kernels(x, op).rms_norm_backward(grad_in_view, grad_weight_view, view_of(g), view_of(x), view_of(rstd),
                                          weight_view);
  }
  if (ctx.needs(0)) grads[0] = grad_in.view(input.sizes());
  if (ctx.needs(1)) grads[1] = grads[1].view(ctx.saved(1).sizes());
  if (kind == RowNorm::Layer && ctx.needs(2)) grads[2] = grads[2].view(ctx.saved(4).sizes());
  return grads;
}

// The same gradients made of differentiable ops.
Grads formula_grads(RowNorm kind, const BackwardContext& ctx, int64_t n, double eps) {
  const Tensor input = ctx.saved(0), weight = ctx.saved(1);
  const Tensor x = input.reshape({-1, n}), g = ctx.grad().reshape({-1, n});
  const Tensor centred = kind == RowNorm::Layer ? x - mean(x, 1, true) : x;
  const Tensor rstd = rsqrt(mean(square(centred), 1, true) + eps);
  const Tensor normal = centred * rstd;
  Grads grads(kind == RowNorm::Layer ? 3 : 2);
  if (ctx.needs(0)) {
    const Tensor to_normal = weight.defined() ? g * weight.reshape({n}) : g;
    Tensor free = to_normal - normal * mean(to_normal * normal, 1, true);
    if (kind == RowNorm::Layer) free = free - mean(to_normal, 1, true);
    grads[0] = to_dtype((rstd * free).reshape(input.sizes()), input.dtype());
  }
  if (ctx.needs(1)) grads[1] = to_dtype(sum(g * normal, 0).reshape(weight.sizes()), weight.dtype());
  if (kind == RowNorm::Layer && ctx.needs(2)) {
    grads[2] = to_dtype(sum(g, 0).reshape(ctx.saved(4).sizes()), ctx.saved(4).dtype());
  }
  return grads;
}

void check_parameter(const char* op, const char* name, const Tensor& parameter, IntArrayRef normalized_shape) {
  TENON_CHECK(!parameter.defined() || parameter.sizes() == normalized_shape, op, ": Expected ", name,
              " to be of same shape as normalized_shape, but got ", name, " of shape ", parameter.sizes(),
              " and normalized_shape = ", normalized_shape);
}

Tensor normalize_rows(RowNorm kind, const char* op, const Tensor& input, IntArrayRef normalized_shape,
                      const Tensor& weight, const Tensor& bias, double eps) {
  TENON_CHECK(!normalized_shape.empty(), op, ": Expected normalized_shape to be at least 1-dimensional");
  check_parameter(op, "weight", weight, normalized_shape);
  check_parameter(op, "bias", bias, normalized_shape);
  check_same_device(op, input, weight, "weight");
  check_same_device(op, input, bias, "bias");
  const size_t dims = normalized_shape.size();
  TENON_CHECK(input.sizes().size() >= dims && input.sizes().slice(input.sizes().size() - dims) == normalized_shape, op,
              ": Given normalized_shape=", normalized_shape,
              ", expected input with shape [*, ...] that ends with it, but got input of size", input.sizes());
  TENON_CHECK_AS(NotImplementedError, input.is_floating_point(), op, ": not implemented for ", input.dtype(),
                 " tensors; it takes floating-point ones");
  if (input.numel() == 0) {
    Tensor out = weight.defined() ? input * weight : input.clone();
    return bias.defined() ? out + bias : out;
  }
  const int64_t n = checked_numel(normalized_shape, op);
  const ScalarType wide = compute_dtype(input.dtype());
  const Tensor x = rows_of(input, n), w = flat_or_none(weight), b = flat_or_none(bias);
  Tensor out = make_tensor(input.sizes(), input.dtype(), input.device(), op);
  const Tensor rstd = make_tensor({x.size(0)}, wide, input.device(), op);
  const TensorView out_rows{out.data_ptr(), out.dtype(), x.sizes(), x.strides()};
  Tensor average;
  if (kind == RowNorm::Layer) {
    average = make_tensor({x.size(0)}, wide, input.device(), op);
    norm_kernels(x, op).layer_norm(out_rows, view_of(average), view_of(rstd), view_of(x), MaybeView(w), MaybeView(b),
                                   eps);
  } else {
    norm_kernels(x, op).rms_norm(out_rows, view_of(rstd), view_of(x), MaybeView(w), eps);
  }
  auto backward = [kind, op, n, eps](const BackwardContext& ctx) -> Grads {
    return GradMode::is_enabled() ? formula_grads(kind, ctx, n, eps) : fused_grads(kind, op, ctx, n);
  };
  if (kind == RowNorm::Rms) return record(op, out, {&input, &weight}, {&input, &weight, &rstd}, std::move(backward));
  return record(op, out, {&input, &weight, &bias}, {&input, &weight, &rstd, &average, &bias}, std::move(backward));
}

}  // namespace

Tensor layer_norm(const Tensor& input, IntArrayRef normalized_shape, const optional<Tensor>& weight,
                  const optional<Tensor>& bias, double eps) {
  TENON_AUTOCAST(layer_norm, input, normalized_shape, weight, bias, eps)
  return normalize_rows(RowNorm::Layer, "layer_norm", input, normalized_shape, given(weight), given(bias), eps);
}

Tensor rms_norm(const Tensor& input, IntArrayRef normalized_shape, const optional<Tensor>& weight,
                optional<double> eps) {
  TENON_AUTOCAST(rms_norm, input, normalized_shape, weight, eps)
  const double smallest = input.dtype() == kDouble ? std::numeric_limits<double>::epsilon()
                                                   : static_cast<double>(std::numeric_limits<float>::epsilon());
  if (input.is_complex()) {
    // The kernels are of real numbers.
    const IntArrayRef sizes = input.sizes();
    TENON_CHECK(sizes.size() >= normalized_shape.size() &&
                    sizes.slice(sizes.size() - normalized_shape.size()) == normalized_shape,
                "rms_norm: Given normalized_shape=", normalized_shape,
                ", expected input that ends with it, but got input of size", sizes);
    DimVector dims;
    for (size_t d = 1; d <= normalized_shape.size(); ++d) dims.push_back(-static_cast<int64_t>(d));
    const Tensor normal = input * rsqrt(mean(square(input), dims, true) + eps.value_or(smallest));
    return weight ? normal * *weight : normal;
  }
  return normalize_rows(RowNorm::Rms, "rms_norm", input, normalized_shape, given(weight), Tensor(),
                        eps.value_or(smallest));
}

Tensor group_norm(const Tensor& input, int64_t num_groups, const optional<Tensor>& weight, const optional<Tensor>& bias,
                  double eps) {
  TENON_AUTOCAST(group_norm, input, num_groups, weight, bias, eps)
  TENON_CHECK(input.dim() >= 2, "group_norm: Expected at least 2 dimensions for input tensor but received ",
              input.dim());
  TENON_CHECK(num_groups > 0, "group_norm: Expected num_groups to be greater than 0, got ", num_groups);
  const int64_t channels = input.size(1);
  TENON_CHECK(channels % num_groups == 0,
              "group_norm: Expected number of channels in input to be divisible by num_groups, but "
              "got input of shape ",
              input.sizes(), " and num_groups=", num_groups);
  DimVector over_channels(input.sizes().size(), 1);
  over_channels[1] = channels;
  for (const optional<Tensor>* parameter : {&weight, &bias}) {
    TENON_CHECK(!*parameter || ((*parameter)->dim() == 1 && (*parameter)->numel() == channels), "group_norm: Expected ",
                parameter == &weight ? "weight" : "bias",
                " to be a vector of size equal to the number of channels in input, but got ", (*parameter)->sizes(),
                " for input of shape ", input.sizes());
  }
  Tensor out = input;
  if (input.numel() > 0) {
    const int64_t n = input.numel() / (input.size(0) * num_groups);
    TENON_CHECK_VALUE(input.size(0) * n > 1,
                      "group_norm: Expected more than 1 value per channel when training, got input size ",
                      input.sizes());
    out = layer_norm(input.reshape({-1, n}), n, nullopt, nullopt, eps).reshape(input.sizes());
  }
  auto per_channel = [&](const Tensor& parameter) { return to_dtype(parameter.reshape(over_channels), input.dtype()); };
  if (weight && bias) return addcmul(per_channel(*bias), out, per_channel(*weight));
  if (weight) return out * per_channel(*weight);
  return bias ? out + per_channel(*bias) : out;
}

}  // namespace tenon
