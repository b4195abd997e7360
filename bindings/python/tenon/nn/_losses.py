"""The losses of nn.functional, with PyTorch's parameters: also `size_average` and `reduce`, which came before
`reduction`, and weights of elements."""

from __future__ import annotations

import warnings
from typing import Any

from tenon import _C
from tenon._C import Tensor

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "cross_entropy",
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "linear_cross_entropy",
    "margin_ranking_loss",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]

_nn = _C.nn_functions


def _legacy(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    # `reduction`, unless what came before it is given.
    if size_average is None and reduce is None:
        return reduction
    averages, reduces = size_average is not False, reduce is not False
    reduction = ("mean" if averages else "sum") if reduces else "none"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.", stacklevel=3
    )
    return reduction


def _warn_of_broadcasting(input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). "
            "This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
            stacklevel=3,
        )


def _check_reduction(name: str, reduction: str) -> None:
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{name}: reduction must be none, mean or sum, got '{reduction}'")


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """The losses of the elements, or their mean or sum."""
    return loss if reduction == "none" else loss.mean() if reduction == "mean" else loss.sum()


def _weighted(name: str, loss: Tensor, weight: Tensor, input: Tensor, reduction: str) -> Tensor:
    if weight.shape != input.shape:
        raise ValueError(f"{name}: weight must have the shape of input, {input.shape}, got {weight.shape}")
    _check_reduction(name, reduction)
    return loss * weight


def _error_loss(name: str, input: Tensor, target: Tensor, reduction: str, weight: Tensor | None) -> Tensor:
    if weight is None:
        return _nn[name](input, target, reduction)
    loss = _weighted(name, _nn[name](input, target, "none"), weight, input, reduction)
    return loss.sum() / weight.sum() if reduction == "mean" else reduced(loss, reduction)


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The squared error; its mean is weighted by `weight`."""
    _warn_of_broadcasting(input, target)
    return _error_loss("mse_loss", input, target, _legacy(size_average, reduce, reduction), weight)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The absolute error; its mean is weighted by `weight`."""
    _warn_of_broadcasting(input, target)
    return _error_loss("l1_loss", input, target, _legacy(size_average, reduce, reduction), weight)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """Half the squared error where it is less than `delta`, linear beyond, times `weight`."""
    _warn_of_broadcasting(input, target)
    if weight is None:
        return _nn["huber_loss"](input, target, reduction, delta)
    loss = _nn["huber_loss"](input, target, "none", delta)
    return reduced(_weighted("huber_loss", loss, weight, input, reduction), reduction)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """The absolute error, but squared where it is less than `beta`."""
    _warn_of_broadcasting(input, target)
    return _nn["smooth_l1_loss"](input, target, _legacy(size_average, reduce, reduction), beta)


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """The divergence of a distribution with the log-probabilities `input` from `target`."""
    return _nn["kl_div"](input, target, _legacy(size_average, reduce, reduction), log_target)


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """log(1 + exp(-target input)), for targets of 1 and -1."""
    return _nn["soft_margin_loss"](input, target, _legacy(size_average, reduce, reduction))


def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """By how much the classes that are not in `target` come within 1 of those that are."""
    return _nn["multilabel_margin_loss"](input, target, _legacy(size_average, reduce, reduction))


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over classes of the binary cross entropy with logits."""
    return _nn["multilabel_soft_margin_loss"](input, target, weight, _legacy(size_average, reduce, reduction))


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """By how much, to the power `p`, other classes come within `margin` of the target's."""
    return _nn["multi_margin_loss"](input, target, p, margin, weight, _legacy(size_average, reduce, reduction))


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """`input` where the target is 1, max(0, margin - input) where it is -1."""
    return _nn["hinge_embedding_loss"](input, target, margin, _legacy(size_average, reduce, reduction))


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin - target (input1 - input2))."""
    return _nn["margin_ranking_loss"](input1, input2, target, margin, _legacy(size_average, reduce, reduction))


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cosine similarity where the target is 1, max(0, similarity - margin) where it is -1."""
    return _nn["cosine_embedding_loss"](input1, input2, target, margin, _legacy(size_average, reduce, reduction))


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin + distance to positive - distance to negative)."""
    reduction = _legacy(size_average, reduce, reduction)
    return _nn["triplet_margin_loss"](anchor, positive, negative, margin, p, eps, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Any = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin + distance to positive - distance to negative), by any distance."""
    _check_reduction("triplet_margin_with_distance_loss", reduction)
    if margin <= 0:
        raise ValueError(f"triplet_margin_with_distance_loss: margin must be greater than 0, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "triplet_margin_with_distance_loss: anchor, positive and negative must have as many dims, got "
            f"{anchor.ndim}, {positive.ndim} and {negative.ndim}"
        )
    distance = distance_function or _nn["pairwise_distance"]
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return reduced((margin + near - far).clamp_min(0), reduction)


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The negative log-likelihood of counts under Poisson distributions."""
    return _nn["poisson_nll_loss"](input, target, log_input, full, eps, _legacy(size_average, reduce, reduction))


def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Tensor | float, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """The negative log-likelihood under normal distributions of the variances `var`."""
    variances = _C.functions["full_like"](input, var) if isinstance(var, float) else var
    return _nn["gaussian_nll_loss"](input, target, variances, full, eps, reduction)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The cross entropy of probabilities and targets from 0 to 1."""
    return _nn["binary_cross_entropy"](input, target, weight, _legacy(size_average, reduce, reduction))


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """The cross entropy of the probabilities sigmoid(input) and targets from 0 to 1."""
    reduction = _legacy(size_average, reduce, reduction)
    return _nn["binary_cross_entropy_with_logits"](input, target, weight, reduction, pos_weight)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The negative log-likelihood of classes, for log-probabilities."""
    return _nn["nll_loss"](input, target, weight, ignore_index, _legacy(size_average, reduce, reduction))


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """The negative log-likelihood of classes or of their probabilities, for logits."""
    reduction = _legacy(size_average, reduce, reduction)
    return _nn["cross_entropy"](input, target, weight, ignore_index, reduction, label_smoothing)


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """cross_entropy of linear(input, linear_weight, linear_bias).

    `options` of PyTorch say into which chunks it cuts the batch to save memory; here they change nothing.
    """
    return _nn["linear_cross_entropy"](
        input,
        linear_weight,
        target,
        linear_bias=linear_bias,
        weight=weight,
        reduction=reduction,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
    )
