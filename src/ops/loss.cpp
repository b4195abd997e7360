// Losses: elementwise errors and likelihoods, reduced to a number.
#include "ops/loss.h"

#include <cmath>
#include <numbers>

#include "autograd/record.h"
#include "ops/autocast.h"
#include "ops/elementwise.h"
#include "ops/softmax.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {

using Line = ElementwiseKernel;

Tensor mse_loss(const Tensor& input, const Tensor& target, std::string_view reduction) {
  TENON_AUTOCAST(mse_loss, input, target, reduction)
  return reduced("mse_loss", elementwise(Line::squared_error, {input, target}), reduction);
}

Tensor l1_loss(const Tensor& input, const Tensor& target, std::string_view reduction) {
  TENON_AUTOCAST(l1_loss, input, target, reduction)
  return reduced("l1_loss", abs(sub(input, target)), reduction);
}

Tensor smooth_l1_loss(const Tensor& input, const Tensor& target, std::string_view reduction, double beta) {
  TENON_AUTOCAST(smooth_l1_loss, input, target, reduction, beta)
  TENON_CHECK(beta >= 0, "smooth_l1_loss: beta must not be negative, got ", beta);
  if (beta == 0) return l1_loss(input, target, reduction);
  return reduced("smooth_l1_loss", elementwise(Line::smooth_l1_error, {input, target}, &beta), reduction);
}

Tensor huber_loss(const Tensor& input, const Tensor& target, std::string_view reduction, double delta) {
  TENON_AUTOCAST(huber_loss, input, target, reduction, delta)
  TENON_CHECK(delta > 0, "huber_loss: delta must be positive, got ", delta);
  return reduced("huber_loss", elementwise(Line::huber_error, {input, target}, &delta), reduction);
}

Tensor binary_cross_entropy(const Tensor& input, const Tensor& target, const optional<Tensor>& weight,
                            std::string_view reduction) {
  TENON_AUTOCAST(binary_cross_entropy, input, target, weight, reduction)
  check_same_shape("binary_cross_entropy", input, target);
  TENON_CHECK(logical_and(ge(input, 0), le(input, 1)).all().item<bool>(),
              "binary_cross_entropy: every element of input must be between 0 and 1");
  Tensor loss = elementwise(Line::bce_error, {input, target});
  return reduced("binary_cross_entropy", weight ? mul(loss, *weight) : loss, reduction);
}

Tensor binary_cross_entropy_with_logits(const Tensor& input, const Tensor& target, const optional<Tensor>& weight,
                                        std::string_view reduction, const optional<Tensor>& pos_weight) {
  TENON_AUTOCAST(binary_cross_entropy_with_logits, input, target, weight, reduction, pos_weight)
  check_same_shape("binary_cross_entropy_with_logits", input, target);
  Tensor loss;
  if (pos_weight) {
    Tensor positive = add(mul(sub(*pos_weight, 1), target), 1);
    loss = sub(mul(rsub(target, 1), input), mul(positive, log_sigmoid(input)));
  } else {
    loss = elementwise(Line::bce_logits_error, {input, target});
  }
  return reduced("binary_cross_entropy_with_logits", weight ? mul(loss, *weight) : loss, reduction);
}

Tensor kl_div(const Tensor& input, const Tensor& target, std::string_view reduction, bool log_target) {
  TENON_AUTOCAST(kl_div, input, target, reduction, log_target)
  Tensor loss = log_target ? mul(exp(target), sub(target, input)) : elementwise(Line::kl_error, {input, target});
  if (reduction != "batchmean") return reduced("kl_div", loss, reduction);
  return input.dim() == 0 ? loss.sum() : div(loss.sum(), input.size(0));
}

namespace {

// Class targets of input [N, C, ...] or [C]: which count, and indices that are safe to gather by.
struct ClassTargets {
  int64_t class_dim;
  Tensor valid;
  Tensor index;  // with a class dim of size one

  ClassTargets(const char* op, const Tensor& input, const Tensor& target, const optional<Tensor>& weight,
               int64_t ignore_index) {
    check(op, input, target, weight);
    class_dim = dim_of(input);
    Tensor classes = to_dtype(target, kLong);
    valid = ne(classes, ignore_index);
    index = masked_fill(classes, logical_not(valid), 0).unsqueeze(class_dim);
    check_range(op, input, ignore_index, !logical_or(lt(index, 0), ge(index, input.size(class_dim))).any().item<bool>());
  }

  static int64_t dim_of(const Tensor& input) { return input.dim() == 1 ? 0 : 1; }
  static void check_range(const char* op, const Tensor& input, int64_t ignore_index, bool all_are_classes) {
    TENON_CHECK_INDEX(all_are_classes, op, ": target has a class index outside 0..", input.size(dim_of(input)) - 1,
                      " that is not ignore_index ", ignore_index);
  }
  static void check(const char* op, const Tensor& input, const Tensor& target, const optional<Tensor>& weight) {
    TENON_CHECK(input.dim() > 0, op, ": input must have at least 1 dim");
    const int64_t class_dim = dim_of(input);
    DimVector wanted = input.impl()->sizes;
    wanted.erase(static_cast<size_t>(class_dim));
    TENON_CHECK_VALUE(input.dim() == 1 || input.size(0) == (target.dim() > 0 ? target.size(0) : -1), op,
                      ": input has shape ", input.sizes(), ", so target must have shape ", wanted, ", got ",
                      target.sizes());
    TENON_CHECK(target.dtype() == kLong || target.dtype() == kByte || target.dtype() == kInt, op,
                ": target must hold integer class indices, got ", target.dtype());
    TENON_CHECK(target.sizes() == wanted, op, ": input has shape ", input.sizes(), ", so target must have shape ",
                wanted, ", got ", target.sizes());
    if (weight) {
      TENON_CHECK(weight->dim() == 1 && weight->size(0) == input.size(class_dim), op,
                  ": weight must have one entry for each of the ", input.size(class_dim), " classes, got shape ",
                  weight->sizes());
      TENON_CHECK(weight->dtype() == input.dtype(), op, ": weight must have the dtype of input, ", input.dtype(),
                  ", got ", weight->dtype());
    }
  }

  // The value at each target's class.
  Tensor pick(const Tensor& values) const { return values.gather(class_dim, index).squeeze(class_dim); }
  // Each target's class weight, zero for ignored ones.
  Tensor weights(const Tensor& like, const optional<Tensor>& weight) const {
    Tensor each = weight ? weight->index_select(0, index.reshape({-1})).reshape(valid.sizes())
                         : ones(valid.sizes(), like.options());
    return masked_fill(each, logical_not(valid), 0);
  }
};

// The mean of losses by their weights, summed in float where they are of a half type, whose range is soon left.
Tensor weighted_mean(const Tensor& loss, const Tensor& weights) {
  const ScalarType compute = compute_dtype(loss.dtype());
  return to_dtype(div(to_dtype(loss, compute).sum(), to_dtype(weights, compute).sum()), loss.dtype());
}

Tensor negative_likelihood(const char* op, const Tensor& log_probabilities, const ClassTargets& targets,
                           const optional<Tensor>& weight, std::string_view reduction) {
  check_reduction(op, reduction);
  const char* shown = log_probabilities.dim() < 3 ? "NllLossBackward0" : "NllLoss2DBackward0";
  Tensor loss = neg(targets.pick(log_probabilities));
  // Ignored entries vanish even where they are infinite.
  loss = masked_fill(loss, logical_not(targets.valid), 0);
  if (!weight && reduction == "sum") return shown_as(shown, loss.sum());
  Tensor each = targets.weights(log_probabilities, weight);
  if (weight) loss = mul(loss, each);
  if (reduction == "none") return shown_as(shown, loss);
  return shown_as(shown, reduction == "sum" ? loss.sum() : weighted_mean(loss, each));
}

}  // namespace

Tensor nll_loss(const Tensor& input, const Tensor& target, const optional<Tensor>& weight, int64_t ignore_index,
                std::string_view reduction) {
  TENON_AUTOCAST(nll_loss, input, target, weight, ignore_index, reduction)
  TENON_CHECK(input.is_floating_point(), "nll_loss: input must be floating-point, got ", input.dtype());
  return negative_likelihood("nll_loss", input, ClassTargets("nll_loss", input, target, weight, ignore_index), weight,
                             reduction);
}

Tensor cross_entropy(const Tensor& input, const Tensor& target, const optional<Tensor>& weight, int64_t ignore_index,
                     std::string_view reduction, double label_smoothing) {
  TENON_AUTOCAST(cross_entropy, input, target, weight, ignore_index, reduction, label_smoothing)
  constexpr const char* kOp = "cross_entropy";
  TENON_CHECK(label_smoothing >= 0 && label_smoothing <= 1,
              kOp, ": label_smoothing must be between 0 and 1, got ", label_smoothing);
  TENON_CHECK(input.dim() > 0 && input.is_floating_point(),
              kOp, ": input must be floating-point with a class dim, got ", input.dtype(), " of shape ",
              input.sizes());
  check_reduction(kOp, reduction);
  const bool is_plain = input.dim() == 2 && target.dim() == 1 && !weight && label_smoothing == 0;
  if (is_plain && !is_reduced_floating_point(input.dtype()) && has_fused_softmax(input)) {
    ClassTargets::check(kOp, input, target, weight);
    const Tensor loss = class_loss(input, to_dtype(target, kLong).contiguous(), ignore_index, reduction);
    ClassTargets::check_range(kOp, input, ignore_index, loss.defined());
    return loss;
  }
  const int64_t class_dim = ClassTargets::dim_of(input);
  const auto classes = static_cast<double>(input.size(class_dim));
  Tensor log_probabilities = log_softmax(input, class_dim);
  Tensor class_weights;
  if (weight) {
    DimVector shape(input.sizes().size(), 1);
    shape[static_cast<size_t>(class_dim)] = -1;
    class_weights = weight->view(shape);
  }
  auto weighted = [&](const Tensor& x) { return weight ? mul(x, class_weights) : x; };

  if (target.sizes() == input.sizes()) {
    TENON_CHECK(target.is_floating_point(), kOp, ": target of input's shape must hold probabilities, got ",
                target.dtype());
    TENON_CHECK(ignore_index < 0, kOp, ": ignore_index means nothing where target holds probabilities, got ",
                ignore_index);
    Tensor smoothed = label_smoothing > 0 ? add(mul(target, 1 - label_smoothing), label_smoothing / classes) : target;
    Tensor loss = neg(weighted(mul(log_probabilities, smoothed)).sum(class_dim));
    return reduced(kOp, loss, reduction);
  }

  ClassTargets targets(kOp, input, target, weight, ignore_index);
  Tensor loss = negative_likelihood(kOp, log_probabilities, targets, weight, reduction);
  if (label_smoothing == 0) return loss;
  Tensor spread = masked_fill(neg(weighted(log_probabilities).sum(class_dim)), logical_not(targets.valid), 0);
  if (reduction == "sum") spread = spread.sum();
  if (reduction == "mean") spread = weighted_mean(spread, targets.weights(input, weight));
  return add(mul(loss, 1 - label_smoothing), mul(spread, label_smoothing / classes));
}

Tensor linear_cross_entropy(const Tensor& input, const Tensor& linear_weight, const Tensor& target,
                            const optional<Tensor>& linear_bias, const optional<Tensor>& weight,
                            std::string_view reduction, optional<int64_t> ignore_index, double label_smoothing) {
  constexpr const char* kOp = "linear_cross_entropy";
  TENON_CHECK(input.dim() == 1 || input.dim() == 2, kOp, ": expected input with dimensionality 1 or 2, got ",
              input.dim());
  TENON_CHECK(linear_weight.dim() >= 2, kOp, ": expected linear_weight with dimensionality at least 2, got ",
              linear_weight.dim());
  const int64_t features = input.size(-1);
  TENON_CHECK(features == linear_weight.size(-1), kOp, ": expected equal input and linear_weight last dimensions, got ",
              features, " and ", linear_weight.size(-1));
  const IntArrayRef classes = linear_weight.sizes().slice(0, linear_weight.sizes().size() - 1);
  TENON_CHECK(!linear_bias || linear_bias->sizes() == classes, kOp, ": expected linear_bias shape ", classes, ", got ",
              linear_bias->sizes());
  TENON_CHECK(classes.size() == 1 || input.dim() == 2, kOp, ": linear_weight of shape ", linear_weight.sizes(),
              " requires batched input, got shape ", input.sizes());
  DimVector sizes = input.sizes().slice(0, input.sizes().size() - 1);
  for (int64_t size : classes) sizes.push_back(size);
  TENON_CHECK(!ignore_index || target.sizes() != sizes, kOp,
              ": ignore_index cannot be specified when target contains probabilities");
  const optional<Tensor> bias = linear_bias ? optional<Tensor>(linear_bias->reshape({-1})) : nullopt;
  const Tensor logits = linear(input, linear_weight.reshape({-1, features}), bias).reshape(sizes);
  return cross_entropy(logits, target, weight, ignore_index.value_or(-100), reduction, label_smoothing);
}

Tensor poisson_nll_loss(const Tensor& input, const Tensor& target, bool log_input, bool full, double eps,
                        std::string_view reduction) {
  TENON_AUTOCAST(poisson_nll_loss, input, target, log_input, full, eps, reduction)
  Tensor loss = log_input ? sub(exp(input), mul(target, input)) : sub(input, mul(target, log(add(input, eps))));
  if (full) {
    Tensor stirling = add(sub(mul(target, log(target)), target), mul(log(mul(target, 2 * std::numbers::pi)), 0.5));
    loss = add(loss, masked_fill(stirling, le(target, 1), 0));
  }
  return reduced("poisson_nll_loss", loss, reduction);
}

Tensor gaussian_nll_loss(const Tensor& input, const Tensor& target, const Tensor& var, bool full, double eps,
                         std::string_view reduction) {
  TENON_CHECK_VALUE(!lt(var, 0).any().item<bool>(), "gaussian_nll_loss: var has a negative entry");
  Tensor variance = var;
  if (variance.sizes() != input.sizes()) {
    const bool one_each =
        input.dim() == variance.dim() + 1 && variance.sizes() == input.sizes().slice(0, variance.sizes().size());
    if (one_each) variance = variance.unsqueeze(-1);
    TENON_CHECK_VALUE(is_expandable_to(variance.sizes(), input.sizes()), "gaussian_nll_loss: var of shape ",
                      var.sizes(), " does not fit input of shape ", input.sizes());
  }
  // The bound on the variance does not stop its gradient.
  variance = variance.clone();
  {
    NoGradGuard no_grad;
    variance.clamp_min_(eps);
  }
  Tensor loss = mul(add(log(variance), div(square(sub(input, target)), variance)), 0.5);
  if (full) loss = add(loss, 0.5 * std::log(2 * std::numbers::pi));
  return reduced("gaussian_nll_loss", loss, reduction);
}

}  // namespace tenon
