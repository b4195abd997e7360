"""vmap: a function of one example, run on all examples of a batch at once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.func.batched import Level, is_batched_at, wrap
from tenon.utils._pytree import broadcast_prefix, tree_flatten, tree_unflatten

__all__ = ["vmap"]

_NESTED = (tuple, list, dict)


def _name(func: Callable) -> str:
    return getattr(func, "__name__", repr(func))


def _flat_in_dims(func: Callable, in_dims: Any, args: tuple) -> tuple[list, list, Any]:
    """The leaves of the arguments, the batch dim of each (not negative, or None), and the structure."""
    where = f"vmap({_name(func)}, in_dims={in_dims}, ...)(<inputs>)"
    if not isinstance(in_dims, (int, tuple, list)):
        raise ValueError(
            f"{where}: expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, "
            f"got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({_name(func)})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap "
            "over a function with no inputs. The latter is unsupported."
        )
    leaves, spec = tree_flatten(args)
    try:
        dims = broadcast_prefix(tuple(in_dims) if isinstance(in_dims, list) else in_dims, spec, "the inputs")
    except ValueError:
        raise ValueError(
            f"{where}: in_dims is not compatible with the structure of `inputs`. in_dims has structure "
            f"{tree_flatten(in_dims)[1]} but inputs has structure {spec}."
        ) from None
    found = []
    for leaf, dim in zip(leaves, dims):
        if dim is not None and not isinstance(dim, int):
            raise ValueError(f"{where}: Got in_dim={dim} for an input but in_dim must be either an integer or None.")
        if dim is not None and not isinstance(leaf, Tensor):
            raise ValueError(
                f"{where}: Got in_dim={dim} for an input but the input is of type {type(leaf)}. We cannot vmap over "
                "non-Tensor arguments, please use None as the respective in_dim"
            )
        if dim is not None and not -leaf.dim() <= dim < leaf.dim():
            raise ValueError(
                f"{where}: Got in_dim={dim} for some input, but that input is a Tensor of dimensionality {leaf.dim()} "
                f"so expected in_dim to satisfy -{leaf.dim()} <= in_dim < {leaf.dim()}."
            )
        found.append(dim if dim is None else dim % leaf.dim())
    return leaves, found, spec


def _batch_size(leaves: list, dims: list) -> int:
    sizes = [leaf.shape[dim] for leaf, dim in zip(leaves, dims) if dim is not None]
    if not sizes:
        raise ValueError("vmap: at least one input must have a batch dim, but all in_dims are None")
    if len(set(sizes)) > 1:
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )
    return sizes[0]


def _with_dim_at(value: Tensor, dim: int) -> Tensor:
    return value if dim == 0 else value.movedim(0, dim)


def _unwrapped(func: Callable, output: Any, out_dims: Any, level: Level) -> Any:
    name = _name(func)
    leaves, spec = tree_flatten(output)
    out_dims = tuple(out_dims) if isinstance(out_dims, list) else out_dims
    try:
        # A tuple of one dim fits a single output.
        single = spec.type is None and isinstance(out_dims, tuple) and len(out_dims) == 1
        dims = broadcast_prefix(out_dims[0] if single else out_dims, spec, "the outputs")
    except ValueError:
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure of "
            f"`outputs`. out_dims has structure {tree_flatten(out_dims)[1]} but outputs has structure {spec}."
        ) from None
    results = []
    for leaf, dim in zip(leaves, dims):
        if dim is None:
            if is_batched_at(leaf, level):
                raise ValueError(f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None")
            results.append(leaf)
            continue
        if not isinstance(leaf, Tensor):
            raise ValueError(
                f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(leaf)}. Did you mean to set "
                "out_dims= to None for output?"
            )
        if is_batched_at(leaf, level):
            results.append(_with_dim_at(leaf.value, dim))
        else:
            results.append(_with_dim_at(leaf.expand(level.size, *leaf.shape), dim))
    return tree_unflatten(results, spec)


def _run(func: Callable, leaves: list, dims: list, spec: Any, out_dims: Any, randomness: str, kwargs: dict) -> Any:
    level = Level(_batch_size(leaves, dims), randomness)
    inputs = [
        leaf if dim is None else wrap(leaf.movedim(dim, 0) if dim else leaf, level) for leaf, dim in zip(leaves, dims)
    ]
    with level:
        output = func(*tree_unflatten(inputs, spec), **kwargs)
    return _unwrapped(func, output, out_dims, level)


def _joined(parts: list, out_dims: Any) -> Any:
    leaves, specs = zip(*[tree_flatten(part) for part in parts])
    dims = broadcast_prefix(tuple(out_dims) if isinstance(out_dims, list) else out_dims, specs[0], "the outputs")
    cat = _C.functions["cat"]
    joined = [values[0] if dim is None else cat(list(values), dim) for values, dim in zip(zip(*leaves), dims)]
    return tree_unflatten(joined, specs[0])


def vmap(
    func: Callable,
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable:
    """`func` of one example as a function of a batch of them: along `in_dims` of its inputs and `out_dims` of its
    outputs. At most `chunk_size` examples run at once."""
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if chunk_size is not None and not chunk_size > 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        leaves, dims, spec = _flat_in_dims(func, in_dims, args)
        size = _batch_size(leaves, dims)
        if chunk_size is None or size <= chunk_size:
            return _run(func, leaves, dims, spec, out_dims, randomness, kwargs)
        parts = []
        for start in range(0, size, chunk_size):
            count = min(chunk_size, size - start)
            chunk = [leaf if dim is None else leaf.narrow(dim, start, count) for leaf, dim in zip(leaves, dims)]
            parts.append(_run(func, chunk, dims, spec, out_dims, randomness, kwargs))
        return _joined(parts, out_dims)

    return wrapped
