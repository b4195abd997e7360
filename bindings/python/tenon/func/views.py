"""Batching rules of views, indexing and joining."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.func.batched import Level, is_batched_at, unwrap, wrap, wrap_all
from tenon.func.rules import (
    MISSING,
    Rule,
    along,
    argument,
    by_example,
    folded,
    of_example,
    rank_of,
    require_batched_self,
    shifted,
    tensors_of,
    tried,
    whole_batch,
    with_argument,
)

_ALL = slice(None)


def _ints(args: tuple, kwargs: dict, *names: str) -> list[int] | None:
    """The ints after the first argument, given one by one or as a list."""
    given = args[1:] or tuple(kwargs[name] for name in names if name in kwargs)
    if len(given) == 1 and isinstance(given[0], (tuple, list)):
        given = tuple(given[0])
    return list(given) if all(isinstance(value, int) for value in given) else None


def _on_self(compute: Callable[[Tensor, Level, tuple, dict], Any]) -> Rule:
    """A rule that works where only the first argument is batched, on its value; None from it means no answer."""

    def rule(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
        others = tensors_of(args[1:], kwargs)
        if args and is_batched_at(args[0], level) and not any(is_batched_at(one, level) for one in others):
            result = compute(args[0].value, level, args, kwargs)
            if result is not None:
                return wrap_all(result, level)
        return by_example(level, func, args, kwargs)

    return rule


def _view(value: Tensor, level: Level, args: tuple, kwargs: dict) -> Any:
    if len(args) == 2 and isinstance(args[1], _C.dtype):
        return value.view(args[1])
    sizes = _ints(args, kwargs, "size", "shape")
    return None if sizes is None else value.view(level.size, *sizes)


def _reshape(value: Tensor, level: Level, args: tuple, kwargs: dict) -> Any:
    sizes = _ints(args, kwargs, "shape")
    return None if sizes is None else value.reshape(level.size, *sizes)


def _with_rank(value: Tensor, rank: int) -> Tensor:
    while value.dim() <= rank:
        value = value.unsqueeze(1)
    return value


def _expand(value: Tensor, level: Level, args: tuple, kwargs: dict) -> Any:
    sizes = _ints(args, kwargs, "size")
    return None if sizes is None else _with_rank(value, len(sizes)).expand(level.size, *sizes)


def _repeat(value: Tensor, level: Level, args: tuple, kwargs: dict) -> Any:
    repeats = _ints(args, kwargs, "repeats", "dims")
    if repeats is None:
        return None
    return _with_rank(value, len(repeats)).repeat(1, *[1] * (value.dim() - 1 - len(repeats)), *repeats)


def _permute(value: Tensor, level: Level, args: tuple, kwargs: dict) -> Any:
    dims = _ints(args, kwargs, "dims")
    return None if dims is None else value.permute(0, *[shifted(dim, value.dim() - 1) for dim in dims])


def _transpose(value: Tensor, level: Level, args: tuple, kwargs: dict) -> Any:
    dims = [*args[1:], *(kwargs[name] for name in ("dim0", "dim1", "axis0", "axis1") if name in kwargs)]
    rank = value.dim() - 1
    return value if rank == 0 else value.transpose(shifted(dims[0], rank), shifted(dims[1], rank))


def _t(value: Tensor, level: Level, args: tuple, kwargs: dict) -> Any:
    if value.dim() > 3:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {value.dim() - 1}D")
    return value.transpose(1, 2) if value.dim() == 3 else value


def _movedim(value: Tensor, level: Level, args: tuple, kwargs: dict) -> Any:
    rank = value.dim() - 1

    def moved(dims: Any) -> list[int]:
        return [shifted(dim, rank) for dim in (dims if isinstance(dims, (tuple, list)) else [dims])]

    source, destination = [*args[1:], *(kwargs[name] for name in ("source", "destination") if name in kwargs)]
    return value.movedim(moved(source), moved(destination))


def _squeeze(value: Tensor, level: Level, args: tuple, kwargs: dict) -> Any:
    dim = argument(args, kwargs, 1, ("dim", "axis"))
    if dim is MISSING:
        dims = [d for d in range(1, value.dim()) if value.shape[d] == 1]
    else:
        dims = [shifted(d, value.dim() - 1) for d in (dim if isinstance(dim, (tuple, list)) else [dim])]
        dims = [d for d in dims if d < value.dim()]
    return value.squeeze(dims) if dims else value


def _flatten(value: Tensor, level: Level, args: tuple, kwargs: dict) -> Any:
    if value.dim() == 1:
        return value.unsqueeze(1)
    first = argument(args, kwargs, 1, ("start_dim",), 0)
    last = argument(args, kwargs, 2, ("end_dim",), -1)
    return value.flatten(shifted(first, value.dim() - 1), shifted(last, value.dim() - 1))


def _diagonal(value: Tensor, level: Level, args: tuple, kwargs: dict) -> Any:
    offset = argument(args, kwargs, 1, ("offset",), 0)
    dims = [argument(args, kwargs, 2, ("dim1",), 0), argument(args, kwargs, 3, ("dim2",), 1)]
    return value.diagonal(offset, *[shifted(dim, value.dim() - 1) for dim in dims])


def _diag_embed(value: Tensor, level: Level, args: tuple, kwargs: dict) -> Any:
    offset = argument(args, kwargs, 1, ("offset",), 0)
    dims = [argument(args, kwargs, 2, ("dim1",), -2), argument(args, kwargs, 3, ("dim2",), -1)]
    return value.diag_embed(offset, *[shifted(dim, value.dim()) for dim in dims])


def _diag(value: Tensor, level: Level, args: tuple, kwargs: dict) -> Any:
    offset = argument(args, kwargs, 1, ("diagonal",), 0)
    return value.diag_embed(offset) if value.dim() == 2 else value.diagonal(offset, 1, 2) if value.dim() == 3 else None


def _trace(value: Tensor, level: Level, args: tuple, kwargs: dict) -> Any:
    return value.diagonal(0, 1, 2).sum(1) if value.dim() == 3 else None


def _roll(value: Tensor, level: Level, args: tuple, kwargs: dict) -> Any:
    shifts = argument(args, kwargs, 1, ("shifts",))
    dims = argument(args, kwargs, 2, ("dims",), ())
    dims = [dims] if isinstance(dims, int) else dims
    if dims:
        return value.roll(shifts, [shifted(dim, value.dim() - 1) for dim in dims])
    return value.flatten(1).roll(shifts, [1]).reshape(value.shape) if value.dim() > 1 else value.clone()


def _new_factory(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    sizes = argument(args, kwargs, 1, ("size",))
    if func.__name__ in ("new_zeros", "new_ones", "new_empty") and isinstance(sizes, int):
        sizes, args = list(args[1:]), args[:1]
    elif len(args) > 1:
        args = (args[0], *args[2:])
    else:
        kwargs = {name: value for name, value in kwargs.items() if name != "size"}
    return wrap(func(args[0].value, [level.size, *sizes], *args[1:], **kwargs), level)


def _unfold(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    # The windows of a dim, or, in nn.functional, the patches of images.
    if func is _C.nn_functions["unfold"]:
        return folded(2)(level, func, args, kwargs)
    return (along(1) if rank_of(args[0], level) else by_example)(level, func, args, kwargs)


def _as_strided(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    # Offsets count from the storage of the first example; each other one has its own part of it.
    value = args[0].value
    offset = argument(args, kwargs, 3, ("storage_offset",), None)
    offset = value.storage_offset() if offset is None else offset
    own_args, own_kwargs = with_argument(args[1:], kwargs, 2, ("storage_offset",), 0)
    parts = []
    for i in range(level.size):
        own_args, own_kwargs = with_argument(own_args, own_kwargs, 2, ("storage_offset",), offset + i * value.stride(0))
        parts.append(func(value, *own_args, **own_kwargs))
    return wrap(_C.functions["stack"](parts), level)


# --- joining


def _joining(new: int) -> Rule:
    def rule(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
        tensors = argument(args, kwargs, 0, ("tensors",))
        dim = argument(args, kwargs, 1, ("dim", "axis"), 0)
        ranks = {rank_of(one, level) for one in tensors}
        if isinstance(tensors, Tensor) or len(ranks) != 1 or kwargs.get("out") is not None:
            return by_example(level, func, args, kwargs)
        values = [whole_batch(one, level) for one in tensors]
        return wrap(func(values, shifted(dim, ranks.pop() + new)), level)

    return rule


# --- indexing


def _items(key: Any) -> tuple:
    return key if isinstance(key, tuple) else (key,)


def _is_basic(item: Any) -> bool:
    return item is None or item is Ellipsis or isinstance(item, slice) or type(item) is int


def _keeps_order(items: tuple) -> bool:
    """Whether the dims that indices by tensors make stay where these are: there is one run of them."""
    advanced = [i for i, item in enumerate(items) if not _is_basic(item)]
    return not advanced or advanced[-1] - advanced[0] == len(advanced) - 1


def _get_item(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    x, key = args
    items = _items(key)
    batched_items = [one for one in tensors_of(items, {}) if is_batched_at(one, level)]
    if any(one.dtype is _C.bool for one in batched_items):
        raise RuntimeError(
            "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow: "
            "a batched mask would give each example another shape. Use where() or a product with the mask."
        )
    if is_batched_at(x, level) and not batched_items:
        if not _keeps_order(items):
            return by_example(level, func, args, kwargs)
        return wrap(x.value[(_ALL, *items)], level)
    if len(items) == 1 and isinstance(items[0], Tensor):
        index = items[0].value
        if not is_batched_at(x, level):
            # One more dim of the index is one more dim of the result.
            return wrap(x[index], level)
        examples = _C.functions["arange"](level.size, device=index.device)
        return wrap(x.value[examples.reshape(-1, *[1] * (index.dim() - 1)), index], level)
    return by_example(level, func, args, kwargs)


def _set_item(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    x, key, value = args
    require_batched_self(func, level, args)
    items = _items(key)
    if all(_is_basic(item) for item in items):
        target = x.value[(_ALL, *items)]
        source = unwrap(value, level)
        if is_batched_at(value, level):
            source = _with_rank(source, target.dim() - 1)
        if isinstance(source, Tensor):
            target.copy_(source)
        else:
            target[...] = source
        return None
    for i in range(level.size):
        own_key, own_value = of_example(i, (key, value), level)
        x.value.select(0, i)[own_key] = own_value
    return None


def _in_place(rule: Rule) -> Rule:
    """For in-place views, given the rule of the view: the tensor becomes one of what it holds."""

    def renewed(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
        require_batched_self(func, level, args)
        args[0].value = rule(level, getattr(Tensor, func.__name__.removesuffix("_")), args, kwargs).value
        return args[0]

    return renewed


_TRANSPOSING = ("transpose", "swapaxes", "swapdims")
_EDITED: dict[str, Rule] = {
    **dict.fromkeys(_TRANSPOSING, tried(_on_self(_transpose))),
    "t": tried(_on_self(_t)),
    "squeeze": tried(_on_self(_squeeze)),
    "unsqueeze": along(1, new=1),
}

VIEW_RULES: dict[str, Rule] = {
    "view": tried(_on_self(_view)),
    "reshape": tried(_on_self(_reshape)),
    "expand": tried(_on_self(_expand)),
    "broadcast_to": tried(_on_self(_expand)),
    "repeat": tried(_on_self(_repeat)),
    "tile": tried(_on_self(_repeat)),
    "permute": tried(_on_self(_permute)),
    **_EDITED,
    **{f"{name}_": _in_place(rule) for name, rule in _EDITED.items()},
    **dict.fromkeys(("movedim", "moveaxis"), tried(_on_self(_movedim))),
    "flatten": tried(_on_self(_flatten)),
    "ravel": tried(_on_self(_flatten)),
    "unflatten": tried(along(1)),
    "diagonal": tried(_on_self(_diagonal)),
    "diag_embed": tried(_on_self(_diag_embed)),
    "diag": tried(_on_self(_diag)),
    "trace": tried(_on_self(_trace)),
    "roll": tried(_on_self(_roll)),
    **dict.fromkeys(("select", "narrow", "flip"), along(1)),
    "unfold": _unfold,
    **dict.fromkeys(("as_strided", "as_strided_copy"), _as_strided),
    "unbind": tried(along(1, 0)),
    **dict.fromkeys(("split", "split_with_sizes", "chunk", "tensor_split"), tried(along(2, 0))),
    "expand_as": lambda level, func, args, kwargs: args[0].expand(args[1].shape),
    **dict.fromkeys(("view_as", "reshape_as"), lambda level, func, args, kwargs: args[0].reshape(args[1].shape)),
    "type_as": lambda level, func, args, kwargs: args[0].to(args[1].dtype),
    **dict.fromkeys(("new_zeros", "new_ones", "new_empty", "new_full"), _new_factory),
    **dict.fromkeys(("cat", "concat", "concatenate"), _joining(0)),
    "stack": _joining(1),
    "__getitem__": _get_item,
    "__setitem__": _set_item,
}
