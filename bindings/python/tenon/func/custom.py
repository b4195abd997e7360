"""Custom autograd functions under vmap."""

from __future__ import annotations

from typing import Any, NamedTuple

from tenon.autograd.function import Function
from tenon.func.batched import BatchedTensor, Level, is_batched_at, unwrap, wrap
from tenon.func.rules import by_example

__all__ = ["VmapInfo", "apply_batched", "is_batched"]


class VmapInfo(NamedTuple):
    """What a Function's own rule learns about the batch."""

    batch_size: int
    randomness: str


def is_batched(args: tuple) -> bool:
    """Whether an argument has an example for each of a batch."""
    return any(type(value) is BatchedTensor for value in args)


def apply_batched(function: type[Function], args: tuple, kwargs: dict) -> Any:
    """Applies a Function to batched tensors."""
    level = max((value.level for value in args if type(value) is BatchedTensor), key=lambda one: one.depth)
    own_rule = function.vmap is not Function.vmap
    if own_rule and function.generate_vmap_rule:
        raise RuntimeError(
            f"You tried to vmap over {function.__name__}, but it has both generate_vmap_rule=True and an overridden "
            "vmap staticmethod. Please set generate_vmap_rule=False or delete the overridden vmap staticmethod."
        )
    if function.generate_vmap_rule:
        return by_example(level, function.apply, args, kwargs)
    if not own_rule:
        raise RuntimeError(
            f"You tried to vmap over {function.__name__}, but it does not have vmap support. Please override and "
            "implement the vmap staticmethod or set generate_vmap_rule=True."
        )
    in_dims = tuple(0 if is_batched_at(value, level) else None for value in args)
    info = VmapInfo(level.size, level.randomness)
    output, out_dims = function.vmap(info, in_dims, *[unwrap(value, level) for value in args], **kwargs)
    if not isinstance(output, tuple):
        return _batched(output, out_dims, level)
    dims = out_dims if isinstance(out_dims, tuple) else (out_dims,) * len(output)
    return tuple(_batched(value, dim, level) for value, dim in zip(output, dims))


def _batched(value: Any, dim: int | None, level: Level) -> Any:
    return value if dim is None else wrap(value.movedim(dim, 0), level)
