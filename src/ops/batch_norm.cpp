// Batch normalisation with running statistics, and instance normalisation made of it.
#include "autograd/record.h"
#include "ops/elementwise.h"
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

constexpr const char* kOp = "batch_norm";

// input as [N, C, spatial].
Tensor as_channels(const Tensor& input) { return input.reshape({input.size(0), input.size(1), -1}); }

Tensor wide_or_none(const Tensor& tensor, ScalarType wide) {
  NoGradGuard no_grad;
  return tensor.defined() ? to_dtype(tensor, wide).contiguous() : tensor;
}

Grads fused_grads(const BackwardContext& ctx, bool training) {
  const Tensor input = ctx.saved(0), mean = ctx.saved(2), rstd = ctx.saved(3);
  const Tensor weight = wide_or_none(ctx.saved(1), mean.dtype());
  const Tensor x = as_channels(input), g = as_channels(to_dtype(ctx.grad(), input.dtype()));
  Tensor grad_in, grad_weight, grad_bias;
  if (ctx.needs(0)) grad_in = make_like(x, x.dtype());
  if (ctx.needs(1)) grad_weight = make_like(mean, mean.dtype());
  if (ctx.needs(2)) grad_bias = make_like(mean, mean.dtype());
  norm_kernels(x, kOp).batch_norm_backward(MaybeView(grad_in), MaybeView(grad_weight), MaybeView(grad_bias), view_of(g),
                                           view_of(x), view_of(mean), view_of(rstd), MaybeView(weight), training);
  return {ctx.needs(0) ? grad_in.reshape(input.sizes()) : grad_in,
          ctx.needs(1) ? to_dtype(grad_weight, ctx.saved(1).dtype()) : grad_weight,
          ctx.needs(2) ? to_dtype(grad_bias, ctx.saved(4).dtype()) : grad_bias};
}

Grads formula_grads(const BackwardContext& ctx, bool training, double eps) {
  const Tensor input = ctx.saved(0), weight = ctx.saved(1);
  const Tensor x = as_channels(input), g = as_channels(ctx.grad());
  const int64_t kOver[] = {0, 2};
  const IntArrayRef over(kOver, 2);
  auto per_channel = [](const Tensor& t) { return t.reshape({1, -1, 1}); };
  Tensor centred, rstd;
  if (training) {
    centred = x - mean(x, over, true);
    rstd = rsqrt(mean(square(centred), over, true) + eps);
  } else {
    centred = x - per_channel(to_dtype(ctx.saved(2), x.dtype()));
    rstd = per_channel(to_dtype(ctx.saved(3), x.dtype()));
  }
  const Tensor normal = centred * rstd;
  Grads grads(3);
  if (ctx.needs(0)) {
    Tensor to_normal = weight.defined() ? g * per_channel(to_dtype(weight, x.dtype())) : g;
    if (training) {
      to_normal = to_normal - mean(to_normal, over, true) - normal * mean(to_normal * normal, over, true);
    }
    grads[0] = (rstd * to_normal).reshape(input.sizes());
  }
  if (ctx.needs(1)) grads[1] = to_dtype(sum(g * normal, over), weight.dtype());
  if (ctx.needs(2)) grads[2] = to_dtype(sum(g, over), ctx.saved(4).dtype());
  return grads;
}

void check_vector(const char* op, const char* name, const optional<Tensor>& vector, const Tensor& input) {
  const int64_t channels = input.size(1);
  check_same_device(op, input, given(vector), name);
  TENON_CHECK(!vector || (vector->dim() == 1 && vector->numel() == channels), op, ": ", name, " should contain ",
              channels, " elements, got shape ", vector->sizes());
}

// Before anything is computed, so that a call that fails leaves both statistics as they were.
void check_running(const char* op, const char* name, const optional<Tensor>& running, const Tensor& input,
                   bool updates) {
  check_vector(op, name, running, input);
  if (!running) return;
  TENON_CHECK(running->is_floating_point(), op, ": ", name, " must be floating point, got ", running->dtype());
  if (!updates) return;
  TENON_CHECK(!running->requires_grad(), op, ": ", name, " is updated in place and must not require grad");
  check_inplace(*running, op, false);
  check_not_expanded(*running, op);
}

// (1 - momentum) * running + momentum * observed, in the wider dtype; undefined without running.
Tensor updated(const optional<Tensor>& running, const Tensor& observed, double momentum) {
  if (!running) return {};
  const ScalarType dtype = promote_types(running->dtype(), observed.dtype());
  return running->to(dtype).mul(Scalar(1 - momentum)).add_(to_dtype(observed, dtype), Scalar(momentum));
}

Tensor normalize_channels(const Tensor& input, const optional<Tensor>& running_mean,
                          const optional<Tensor>& running_var, const Tensor& weight, const Tensor& bias, bool training,
                          double momentum, double eps) {
  if (input.numel() == 0) {
    auto per_channel = [&](const Tensor& t) {
      DimVector sizes(input.sizes().size(), 1);
      sizes[1] = -1;
      return t.reshape(sizes);
    };
    Tensor out = weight.defined() ? input * per_channel(weight) : input.clone();
    return bias.defined() ? out + per_channel(bias) : out;
  }
  const ScalarType wide = compute_dtype(input.dtype());
  Tensor mean, var, rstd, out;
  {
    NoGradGuard no_grad;
    const Tensor x = as_channels(input);
    const int64_t channels = x.size(1), count = x.size(0) * x.size(2);
    if (training) {
      mean = make_tensor({channels}, wide, x.device(), "batch_norm");
      var = make_tensor({channels}, wide, x.device(), "batch_norm");
      norm_kernels(x, kOp).batch_norm_statistics(view_of(mean), view_of(var), view_of(x));
      rstd = rsqrt(var + eps);
    } else {
      // Copies, since the running statistics may change before backward.
      mean = to_dtype(*running_mean, wide).clone(MemoryFormat::Contiguous);
      rstd = rsqrt(to_dtype(*running_var, wide) + eps).contiguous();
    }
    out = make_like(x, x.dtype());
    const Tensor w = wide_or_none(weight, wide), b = wide_or_none(bias, wide);
    norm_kernels(x, kOp).batch_norm(view_of(out), view_of(x), view_of(mean), view_of(rstd), MaybeView(w), MaybeView(b));
    out = out.reshape(input.sizes());
    out = make_alias(out, out.sizes(), out.strides(), out.storage_offset());
    if (training) {
      const Scalar unbiased(static_cast<double>(count) / static_cast<double>(count - 1));
      const Tensor next_mean = updated(running_mean, mean, momentum);
      const Tensor next_var = updated(running_var, var * unbiased, momentum);
      if (running_mean) running_mean->copy_(next_mean);
      if (running_var) running_var->copy_(next_var);
    }
  }
  return record("batch_norm", out, {&input, &weight, &bias}, {&input, &weight, &mean, &rstd, &bias},
                [training, eps](const BackwardContext& ctx) -> Grads {
                  return GradMode::is_enabled() ? formula_grads(ctx, training, eps) : fused_grads(ctx, training);
                });
}

}  // namespace

Tensor batch_norm(const Tensor& input, const optional<Tensor>& running_mean, const optional<Tensor>& running_var,
                  const optional<Tensor>& weight, const optional<Tensor>& bias, bool training, double momentum,
                  double eps) {
  if (input.dim() == 1 && input.numel() == 0) return input.clone();
  TENON_CHECK(input.dim() >= 2, "batch_norm: input must have at least two dims, got shape ", input.sizes());
  TENON_CHECK_AS(NotImplementedError, input.is_floating_point(), "batch_norm: not implemented for ", input.dtype(),
                 " tensors; it takes floating-point ones");
  const int64_t channels = input.size(1);
  check_running("batch_norm", "running_mean", running_mean, input, training);
  check_running("batch_norm", "running_var", running_var, input, training);
  check_vector("batch_norm", "weight", weight, input);
  check_vector("batch_norm", "bias", bias, input);
  TENON_CHECK(training || running_mean, "batch_norm: running_mean must be defined in evaluation mode");
  TENON_CHECK(training || running_var, "batch_norm: running_var must be defined in evaluation mode");
  TENON_CHECK_VALUE(!training || input.numel() != channels,
                    "batch_norm: Expected more than 1 value per channel when training, got input size ", input.sizes());
  return normalize_channels(input, running_mean, running_var, given(weight), given(bias), training, momentum, eps);
}

Tensor instance_norm(const Tensor& input, const optional<Tensor>& running_mean, const optional<Tensor>& running_var,
                     const optional<Tensor>& weight, const optional<Tensor>& bias, bool use_input_stats,
                     double momentum, double eps) {
  TENON_CHECK(input.dim() >= 2, "instance_norm: input must have at least two dims, got shape ", input.sizes());
  TENON_CHECK_AS(NotImplementedError, input.is_floating_point(), "instance_norm: not implemented for ", input.dtype(),
                 " tensors; it takes floating-point ones");
  const int64_t samples = input.size(0), channels = input.size(1);
  check_running("instance_norm", "running_mean", running_mean, input, use_input_stats);
  check_running("instance_norm", "running_var", running_var, input, use_input_stats);
  check_vector("instance_norm", "weight", weight, input);
  check_vector("instance_norm", "bias", bias, input);
  TENON_CHECK(use_input_stats || (running_mean && running_var),
              "instance_norm: Expected running_mean and running_var to be defined when use_input_stats is false");
  TENON_CHECK_VALUE(!use_input_stats || input.numel() != samples * channels,
                    "instance_norm: Expected more than 1 spatial element when training, got input size ",
                    input.sizes());
  if (input.numel() == 0) return input.clone();
  // Every channel of every sample is a channel of its own.
  auto repeated = [&](const optional<Tensor>& vector) {
    return vector ? optional<Tensor>(vector->repeat({samples})) : nullopt;
  };
  const optional<Tensor> means = repeated(running_mean), vars = repeated(running_var);
  const Tensor x = input.contiguous().reshape({1, samples * channels, -1});
  Tensor out =
      normalize_channels(x, means, vars, given(repeated(weight)), given(repeated(bias)), use_input_stats, momentum, eps)
          .reshape(input.sizes());
  if (use_input_stats) {
    NoGradGuard no_grad;
    if (running_mean) running_mean->copy_(mean(means->view({samples, channels}), 0));
    if (running_var) running_var->copy_(mean(vars->view({samples, channels}), 0));
  }
  return out;
}

}  // namespace tenon
