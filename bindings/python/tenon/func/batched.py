"""Tensors with a hidden batch dim, on which vmap runs a function: each op on them is answered by its batching rule."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from tenon import _C
from tenon._C import Size, Tensor
from tenon.overrides import TorchFunctionMode

__all__ = ["BatchedTensor", "Level", "active_levels", "is_batched_at", "lift", "unwrap"]


class _State(threading.local):
    def __init__(self) -> None:
        self.levels: list[Level] = []


_state = _State()


class Level(TorchFunctionMode):
    """One vmap that is running: how many examples it has, and what random numbers mean within it."""

    def __init__(self, size: int, randomness: str) -> None:
        super().__init__()
        self.size = size
        self.randomness = randomness
        self.depth = len(_state.levels) + 1

    def __enter__(self) -> Level:
        _state.levels.append(self)
        super().__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        _state.levels.pop()

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        rule = rules.of_random(func)
        return func(*args, **kwargs) if rule is None else rule(self, func, args, kwargs)


class _Rules:
    """Where the rules are found; filled by the module that makes them, which needs this one."""

    of: Callable[[Callable], Callable]
    of_random: Callable[[Callable], Callable | None]


rules = _Rules()


def active_levels() -> list[Level]:
    """The vmaps that are running on this thread, the outermost first."""
    return _state.levels


# What the Tensor part of every batched tensor holds: nothing, so that code that misses the rules fails on it.
_NOTHING = _C.functions["empty"]((0,))


class BatchedTensor(Tensor):
    """A tensor for each example of a level, all in `value`, whose dim 0 is the batch."""

    value: Tensor
    level: Level

    @classmethod
    def __torch_function__(cls, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        level = _innermost(args, kwargs)
        if level is None:
            return NotImplemented
        return rules.of(func)(level, func, args, kwargs)


def wrap(value: Tensor, level: Level) -> BatchedTensor:
    """The batched tensor of a value whose dim 0 is the batch of `level`."""
    batched = _C._make_subclass(BatchedTensor, _NOTHING, False)
    batched.value = value
    batched.level = level
    return batched


def is_batched_at(value: Any, level: Level) -> bool:
    """Whether `value` has an example for each of `level`."""
    return type(value) is BatchedTensor and value.level is level


def unwrap(value: Any, level: Level) -> Any:
    """What a batched tensor of `level` holds; anything else as it is."""
    return value.value if is_batched_at(value, level) else value


def _innermost(args: tuple, kwargs: dict) -> Level | None:
    found: Level | None = None
    for value in (*args, *kwargs.values()):
        for one in value if isinstance(value, (tuple, list)) else (value,):
            if type(one) is BatchedTensor and (found is None or one.level.depth > found.depth):
                found = one.level
    return found


def map_tensors(function: Callable[[Any], Any], value: Any) -> Any:
    """`value` with `function` applied to what it is, or to what it holds as a tuple, list or dict."""
    if type(value) in (tuple, list, Size):
        return type(value)(map_tensors(function, item) for item in value)
    if isinstance(value, tuple):
        return type(value)([map_tensors(function, item) for item in value])
    if type(value) is dict:
        return {key: map_tensors(function, item) for key, item in value.items()}
    return function(value)


def wrap_all(result: Any, level: Level) -> Any:
    """A rule's results: each tensor with the batch as its dim 0."""
    return map_tensors(lambda value: wrap(value, level) if isinstance(value, Tensor) else value, result)


def lift(value: Tensor, levels: list[Level] | None = None) -> Tensor:
    """`value` with an example of its own for each of the running levels, so that it can be differentiated there."""
    levels = active_levels() if levels is None else levels
    if not levels:
        return value
    level = levels[-1]
    if is_batched_at(value, level):
        return wrap(lift(value.value, levels[:-1]), level)
    inner = lift(value, levels[:-1])
    return wrap(inner.expand(level.size, *inner.shape), level)
