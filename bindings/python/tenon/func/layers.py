"""Batching rules of the ops of neural networks: convolutions, pooling, norms, embeddings, losses, attention."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.func.batched import Level, is_batched_at, wrap
from tenon.func.rules import (
    Rule,
    argument,
    by_example,
    direct,
    folded,
    pointwise,
    rank_of,
    tensors_of,
    whole_batch,
    with_argument,
)
from tenon.nn._losses import reduced


def _convolution(spatial: int, transposed: bool) -> Rule:
    group_position = 6

    def rule(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
        input, weight = args[:2] if len(args) > 1 else (None, None)
        bias = argument(args, kwargs, 2, ("bias",), None)
        if input is None or not (is_batched_at(weight, level) or is_batched_at(bias, level)):
            return folded(spatial)(level, func, args, kwargs)
        if rank_of(input, level) != spatial + 2:
            return by_example(level, func, args, kwargs)
        # The examples become groups of channels, so that each meets its own weight.
        images, weights = whole_batch(input, level), whole_batch(weight, level)
        groups = argument(args, kwargs, group_position, ("groups",), 1)
        if transposed and groups > 1:
            return by_example(level, func, args, kwargs)
        images = images.transpose(0, 1).flatten(1, 2)
        own = (images, weights.flatten(0, 1), *args[2:])
        own, kwargs = with_argument(own, kwargs, group_position, ("groups",), groups * level.size)
        biases = None if bias is None else whole_batch(bias, level).flatten()
        own, kwargs = with_argument(own, kwargs, 2, ("bias",), biases)
        return wrap(func(*own, **kwargs).unflatten(1, (level.size, -1)).transpose(0, 1), level)

    return rule


def _channels(tensor: Tensor | None, level: Level) -> Tensor | None:
    """One number per channel, for the channels of all examples."""
    if tensor is None:
        return None
    return tensor.value.flatten() if is_batched_at(tensor, level) else tensor.repeat(level.size)


def _batch_norm(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    names = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
    given = {"training": False, **dict(zip(names, args)), **kwargs}
    input, statistics = given["input"], [given.get("running_mean"), given.get("running_var")]
    if given["training"] and any(one is not None and not is_batched_at(one, level) for one in statistics):
        raise RuntimeError(
            "Batch norm got a batched tensor as input while the running_mean or running_var, which will be updated in "
            "place, were not batched. If you are using a module and do not need eval mode, please set "
            "`track_running_stats` to be False. If you are using a prebuilt module and do not need eval mode, please "
            "see the functorch website for resources on how to patch your module to work with vmap"
        )
    if rank_of(input, level) < 2:
        return by_example(level, func, args, kwargs)
    for name in ("running_mean", "running_var", "weight", "bias"):
        given[name] = _channels(given.get(name), level)
    given["input"] = whole_batch(input, level).transpose(0, 1).flatten(1, 2)
    result = func(**given).unflatten(1, (level.size, -1)).transpose(0, 1)
    if given["training"]:
        # What was updated is a copy where the examples' channels are not one stretch of memory.
        for one, name in zip(statistics, ("running_mean", "running_var")):
            if one is not None:
                one.value.copy_(given[name].reshape(one.value.shape))
    return wrap(result, level)


def _norm_of_samples(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    # Group and instance norm treat every sample alone.
    others = tensors_of(args[1:], kwargs)
    if not args or not is_batched_at(args[0], level) or any(is_batched_at(one, level) for one in others):
        return by_example(level, func, args, kwargs)
    value = args[0].value
    if func.__name__ == "instance_norm" and tensors_of(args[1:3], {}):
        return by_example(level, func, args, kwargs)
    return wrap(func(value.flatten(0, 1), *args[1:], **kwargs).unflatten(0, value.shape[:2]), level)


def _trailing_norm(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    biased = ("bias",) if func.__name__ == "layer_norm" else ()
    names = ("input", "normalized_shape", "weight", *biased, "eps")
    given = {**dict(zip(names, args)), **kwargs}
    shape = given["normalized_shape"]
    if isinstance(shape, int) or len(shape) > rank_of(given["input"], level):
        return by_example(level, func, args, kwargs)
    if not any(is_batched_at(one, level) for one in tensors_of(args[1:], kwargs)):
        return direct(level, func, args, kwargs)
    weight, bias = given.pop("weight", None), given.pop("bias", None)
    result = func(given.pop("input"), **given)
    result = result if weight is None else result * weight
    return result if bias is None else result + bias


def _embedding(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    if len(args) > 1 and not is_batched_at(args[1], level):
        return direct(level, func, args, kwargs)
    return by_example(level, func, args, kwargs)


def _pad(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    pad, mode = argument(args, kwargs, 1, ("pad",), ()), argument(args, kwargs, 2, ("mode",), "constant")
    fits = mode == "constant" and len(pad) <= 2 * rank_of(argument(args, kwargs, 0, ("input",)), level)
    return (direct if fits else by_example)(level, func, args, kwargs)


def _loss_arguments(func: Callable, args: tuple, kwargs: dict) -> dict[str, Any] | None:
    """All arguments by their names; None where they ask for what only the function itself knows."""
    given = signature(func).bind(*args, **kwargs)
    given.apply_defaults()
    found = dict(given.arguments)
    legacy = [found.pop(name, None) for name in ("size_average", "reduce")]
    simple = found["reduction"] in ("none", "mean", "sum") and legacy == [None, None]
    return found if simple else None


def _pointwise_loss(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    given = _loss_arguments(func, args, kwargs)
    weighted = ("mse_loss", "l1_loss", "huber_loss")
    if given is None or (func.__name__ in weighted and given["weight"] is not None):
        return by_example(level, func, args, kwargs)
    reduction = given.pop("reduction")
    # These want an input and a target of one shape.
    for name in ("input", "target"):
        given[name] = wrap(whole_batch(given[name], level), level)
    return reduced(pointwise(level, func, (), {**given, "reduction": "none"}), reduction)


def _class_loss(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    """nll_loss and cross_entropy of class numbers, whose samples those of all examples join."""
    given = _loss_arguments(func, args, kwargs)
    if (
        given is None
        or given["target"].is_floating_point()
        or given["weight"] is not None
        or given.get("label_smoothing")
    ):
        return by_example(level, func, args, kwargs)
    reduction = given["reduction"]
    logits, classes = whole_batch(given["input"], level), whole_batch(given["target"], level)
    given["reduction"] = "none"
    if logits.dim() == 2:
        loss = func(**{**given, "input": logits, "target": classes})
    else:
        loss = func(**{**given, "input": logits.flatten(0, 1), "target": classes.flatten(0, 1)})
        loss = loss.unflatten(0, logits.shape[:2])
    if reduction == "none":
        return wrap(loss, level)
    total = loss.reshape(level.size, -1).sum(1)
    if reduction == "mean":
        total = total / (classes != given["ignore_index"]).reshape(level.size, -1).sum(1)
    return wrap(total, level)


def _attention(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    plain = len(args) == 3 and set(kwargs) <= {"is_causal", "scale"}
    if not plain or len({rank_of(one, level) for one in args}) != 1:
        return by_example(level, func, args, kwargs)
    # Leading dims are a batch already.
    return wrap(func(*[whole_batch(one, level) for one in args], **kwargs), level)


def _prelu(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    input, weight = args[0], args[1] if len(args) > 1 else kwargs["weight"]
    if rank_of(weight, level) > 0 and rank_of(input, level) > 1:
        weight = weight.reshape(-1, *[1] * (rank_of(input, level) - 2))
    return _C.functions["where"](input > 0, input, weight * input)


LAYER_RULES: dict[str, Rule] = {
    **{f"conv{n}d": _convolution(n, False) for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": _convolution(n, True) for n in (1, 2, 3)},
    **{
        f"{kind}_pool{n}d{ending}": folded(n)
        for n in (1, 2, 3)
        for kind in ("max", "avg", "adaptive_max", "adaptive_avg")
        for ending in ("", "_with_indices")
    },
    "batch_norm": _batch_norm,
    "group_norm": _norm_of_samples,
    "instance_norm": _norm_of_samples,
    "layer_norm": _trailing_norm,
    "rms_norm": _trailing_norm,
    "embedding": _embedding,
    "pad": _pad,
    "fold": folded(1),
    **dict.fromkeys(
        (
            "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "soft_margin_loss", "kl_div",
            "binary_cross_entropy", "binary_cross_entropy_with_logits",
        ),
        _pointwise_loss,
    ),  # fmt: skip
    "nll_loss": _class_loss,
    "cross_entropy": _class_loss,
    "scaled_dot_product_attention": _attention,
    "prelu": _prelu,
}
