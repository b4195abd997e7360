"""How the batching rules are made: what an op does to one example, done to all at once, or example by example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon._functions import _category
from tenon.func.batched import Level, is_batched_at, map_tensors, unwrap, wrap, wrap_all

Rule = Callable[[Level, Callable, tuple, dict], Any]

MISSING: Any = object()
_stack = _C.functions["stack"]


# --- the parts of a call


def argument(args: tuple, kwargs: dict, position: int, names: tuple[str, ...], default: Any = MISSING) -> Any:
    """The value given for a parameter."""
    if position < len(args):
        return args[position]
    return next((kwargs[name] for name in names if name in kwargs), default)


def with_argument(args: tuple, kwargs: dict, position: int, names: tuple[str, ...], value: Any) -> tuple[tuple, dict]:
    """The call with another value for a parameter."""
    if position < len(args):
        return (*args[:position], value, *args[position + 1 :]), kwargs
    given = next((name for name in names if name in kwargs), names[0])
    return args, {**kwargs, given: value}


def tensors_of(args: tuple, kwargs: dict) -> list[Tensor]:
    """The tensors among the arguments and in their lists."""
    found = []
    for value in (*args, *kwargs.values()):
        for one in value if isinstance(value, (tuple, list)) else (value,):
            if isinstance(one, Tensor):
                found.append(one)
    return found


def rank_of(tensor: Tensor, level: Level) -> int:
    """The number of dims that an example has."""
    return tensor.value.dim() - 1 if is_batched_at(tensor, level) else tensor.dim()


def shifted(dim: int, rank: int) -> int:
    """A dim of an example as a dim of the batch."""
    room = max(rank, 1)
    if not -room <= dim < room:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-room}, {room - 1}], but got {dim})")
    return dim % room + 1


def whole_batch(tensor: Tensor, level: Level) -> Tensor:
    """All examples of a tensor: those that it has, or one repeated."""
    return tensor.value if is_batched_at(tensor, level) else tensor.expand(level.size, *tensor.shape)


def of_example(i: int, values: Any, level: Level) -> Any:
    """Arguments with the part of one example in the place of each batched tensor."""
    return map_tensors(lambda one: one.value.select(0, i) if is_batched_at(one, level) else one, values)


def _with_list(func: Callable, args: tuple, position: int) -> tuple:
    """The arguments with a list of ints as one of them, also where it is given as several."""
    rest = args[position:]
    several = len(rest) > 1 and all(type(one) is int for one in rest)
    if several and any(form["variadic"] == position for form in getattr(func, "_forms", ())):
        return (*args[:position], list(rest))
    return args


def is_inplace(func: Callable) -> bool:
    """Whether an op edits its first argument."""
    name = func.__name__
    if name.startswith("__i") and name.endswith("__"):
        return name not in ("__invert__", "__index__", "__int__", "__iter__")
    return name.endswith("_") and not name.endswith("__")


def require_batched_self(func: Callable, level: Level, args: tuple) -> None:
    """Refuses to write the results of all examples into a tensor that has room for one."""
    if not is_batched_at(args[0], level):
        raise RuntimeError(
            f"vmap: {func.__name__}(self, *extra_args) is not possible because there exists a Tensor `other` in "
            "extra_args that has more elements than `self`. This happened due to `other` being vmapped over but `self` "
            "not being vmapped over in a vmap."
        )


# --- the rules


def direct(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    """For ops to which one more leading dim is all the same."""
    values = map_tensors(lambda value: unwrap(value, level), (args, kwargs))
    result = func(*values[0], **values[1])
    return args[0] if is_inplace(func) and is_batched_at(args[0], level) else wrap_all(result, level)


def by_example(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    """For any op: one example after the other."""
    if is_inplace(func):
        require_batched_self(func, level, args)
    if level.size == 0:
        raise RuntimeError(f"vmap: {func.__name__} has no batching rule and cannot be run on a batch of no examples")
    results = []
    for i in range(level.size):
        own_args, own_kwargs = of_example(i, (args, kwargs), level)
        results.append(func(*own_args, **own_kwargs))
    return args[0] if is_inplace(func) else stacked(results, level, func)


def tried(rule: Rule) -> Rule:
    """A rule that leaves it to the op to refuse its arguments, for ops that cost next to nothing on one example."""

    def trying(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
        if level.size > 0:
            own_args, own_kwargs = of_example(0, (args, kwargs), level)
            func(*own_args, **own_kwargs)
        return rule(level, func, args, kwargs)

    return trying


def stacked(results: list, level: Level, func: Callable) -> Any:
    """The results of the examples as batched tensors, in the structure that each has."""
    first = results[0]
    if isinstance(first, Tensor):
        return wrap(_stack(results), level)
    if isinstance(first, (tuple, list)):
        return type(first)([stacked(list(values), level, func) for values in zip(*results)])
    if any(result != first for result in results):
        raise RuntimeError(f"vmap: {func.__name__} gives other numbers for other examples, which cannot be batched")
    return first


def pointwise(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    """For ops that broadcast their tensors and compute element by element."""
    if kwargs.get("out") is not None:
        raise RuntimeError(f"vmap: {func.__name__}: out= is not supported")
    tensors = tensors_of(args, kwargs)
    ranks = [rank_of(tensor, level) for tensor in tensors]
    rank = max(ranks)
    wanted = None
    if rank > 0 and 0 in ranks:
        # A number of each example gives way to tensors with dims, as it does outside vmap; truths always do, and some
        # of them are conditions.
        for tensor, own in zip(tensors, ranks):
            if own > 0:
                wanted = tensor.dtype if wanted is None else _C.promote_types(wanted, tensor.dtype)

    def prepared(value: Any) -> Any:
        if not is_batched_at(value, level):
            return value
        inner = value.value
        missing = rank + 1 - inner.dim()
        is_number = inner.dim() == 1 and inner.dtype is not _C.bool
        if wanted is not None and is_number and _category(inner.dtype) <= _category(wanted):
            inner = inner.to(wanted)
        for _ in range(missing):
            inner = inner.unsqueeze(1)
        return inner

    if is_inplace(func):
        require_batched_self(func, level, args)
        if rank_of(args[0], level) < rank:
            raise RuntimeError(f"vmap: {func.__name__}: the result does not fit the shape of self")
    values = map_tensors(prepared, (args, kwargs))
    result = func(*values[0], **values[1])
    return args[0] if is_inplace(func) else wrap_all(result, level)


def decomposed(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    """For functions that are made of other ops."""
    return func.__wrapped__(*args, **kwargs)


def along(
    position: int, default: Any = MISSING, names: tuple[str, ...] = ("dim", "axis", "dims"), new: int = 0
) -> Rule:
    """For ops that work along dims of their first argument; of `new` dims, if any, that they add."""

    def rule(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
        args = _with_list(func, args, position)
        dim = argument(args, kwargs, position, names, default)
        others = tensors_of(args[1:], kwargs)
        only_self = args and is_batched_at(args[0], level) and not any(is_batched_at(one, level) for one in others)
        if not only_self or dim is MISSING or dim is None or dim in ((), []):
            return by_example(level, func, args, kwargs)
        value = args[0].value
        scalar = value.dim() == 1 and not new
        if scalar:
            value = value.unsqueeze(1)
        rank = value.dim() - 1 + new
        dims = type(dim)(shifted(d, rank) for d in dim) if isinstance(dim, (tuple, list)) else shifted(dim, rank)
        own_args, own_kwargs = with_argument((value, *args[1:]), kwargs, position, names, dims)
        result = func(*own_args, **own_kwargs)
        if is_inplace(func):
            return args[0]
        if scalar:
            result = map_tensors(
                lambda one: one.squeeze(1) if isinstance(one, Tensor) and one.dim() == 2 else one, result
            )
        return wrap_all(result, level)

    return rule


def reduction(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    """For reductions over given dims, or over all of an example."""
    names = ("dim", "axis")
    dim = argument(args, kwargs, 1, names, None)
    lacks_dim = dim is None and func.__name__ == "logsumexp"
    if isinstance(dim, (bool, Tensor)) or lacks_dim or not args or not is_batched_at(args[0], level):
        return by_example(level, func, args, kwargs)
    if dim is not None and dim != () and dim != []:
        return along(1)(level, func, args, kwargs)
    value = args[0].value
    rank = value.dim() - 1
    flat = value.reshape(level.size, -1)
    own_args, own_kwargs = with_argument((flat, *args[1:]), kwargs, 1, names, 1)
    position = 99 if func.__name__.startswith(("std", "var")) else 2
    keeps = argument(args, kwargs, position, ("keepdim", "keepdims"), False) is True
    result = func(*own_args, **own_kwargs)
    if keeps:
        result = map_tensors(lambda one: one.reshape(level.size, *[1] * rank), result)
    return wrap_all(result, level)


def gathering(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    """For ops whose tensors have one rank, and an index into a dim of the first."""
    dim = argument(args, kwargs, 1, ("dim", "axis"))
    if not isinstance(dim, int) or any(rank_of(one, level) == 0 for one in tensors_of(args, kwargs)):
        return by_example(level, func, args, kwargs)
    if is_inplace(func):
        require_batched_self(func, level, args)

    def prepared(value: Any) -> Any:
        return whole_batch(value, level) if isinstance(value, Tensor) else value

    own_args, own_kwargs = with_argument(args, kwargs, 1, ("dim",), shifted(dim, rank_of(args[0], level)))
    values = map_tensors(prepared, (own_args, own_kwargs))
    result = func(*values[0], **values[1])
    return args[0] if is_inplace(func) else wrap_all(result, level)


def folded(spatial: int) -> Rule:
    """For ops on batches of their own, which hold every example's: [B, N, ...] is [B * N, ...] to them."""

    def rule(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
        if (
            not args
            or not is_batched_at(args[0], level)
            or any(is_batched_at(one, level) for one in tensors_of(args[1:], kwargs))
        ):
            return by_example(level, func, args, kwargs)
        value = args[0].value
        if value.dim() == spatial + 2:
            return direct(level, func, args, kwargs)
        result = func(value.flatten(0, 1), *args[1:], **kwargs)
        return wrap_all(map_tensors(lambda one: one.unflatten(0, value.shape[:2]), result), level)

    return rule
