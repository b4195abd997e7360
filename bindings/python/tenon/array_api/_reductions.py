"""Functions that make one element of many, or run along an axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tenon import _C
from tenon._C import Tensor

_ops = _C.functions


def reduced(reduce: Callable[[Tensor, list[int], bool], Tensor], x: Tensor, axis: Any, keepdims: bool) -> Tensor:
    """`reduce(x, axes, keepdims)`, where no axes mean that each element is reduced by itself."""
    axes = list(range(x.ndim)) if axis is None else [axis] if isinstance(axis, int) else list(axis)
    return reduce(x, axes, keepdims) if axes else reduce(x.unsqueeze(-1), [-1], False)


def _flattened(x: Tensor, axes: list[int]) -> Tensor:
    # The axes as one, the last.
    return x.movedim(axes, list(range(-len(axes), 0))).flatten(-len(axes))


def _kept(result: Tensor, x: Tensor, axes: list[int]) -> Tensor:
    for axis in sorted(axis % x.ndim for axis in axes):
        result = result.unsqueeze(axis)
    return result


def _sum_dtype(x: Tensor, dtype: Any) -> Any:
    # Sums and products of integers are of the widest type of their sign.
    if dtype is not None or x.is_floating_point() or x.is_complex():
        return dtype
    return _C.int64 if x.is_signed() or x.dtype is _C.bool else _C.uint64


def all(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether all elements are true."""
    return reduced(lambda x, axes, kept: x.bool().all(axes, keepdim=kept), x, axis, keepdims)


def any(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether an element is true."""
    return reduced(lambda x, axes, kept: x.bool().any(axes, keepdim=kept), x, axis, keepdims)


def max(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The largest element."""
    return reduced(lambda x, axes, kept: x.amax(axes, keepdim=kept), x, axis, keepdims)


def min(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The smallest element."""
    return reduced(lambda x, axes, kept: x.amin(axes, keepdim=kept), x, axis, keepdims)


def sum(x: Tensor, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """The sum; of integers in the widest type of their sign."""
    dtype = _sum_dtype(x, dtype)
    return reduced(lambda x, axes, kept: x.sum(axes, keepdim=kept, dtype=dtype), x, axis, keepdims)


def prod(x: Tensor, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """The product; of integers in the widest type of their sign."""
    dtype = _sum_dtype(x, dtype)

    def reduce(x: Tensor, axes: list[int], kept: bool) -> Tensor:
        result = _flattened(x, axes).prod(-1, dtype=dtype)
        return _kept(result, x, axes) if kept else result

    return reduced(reduce, x, axis, keepdims)


def mean(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The mean."""
    return reduced(lambda x, axes, kept: x.mean(axes, keepdim=kept), x, axis, keepdims)


def var(x: Tensor, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """The variance: the sum of squared differences from the mean over the count less `correction`."""
    return reduced(lambda x, axes, kept: x.var(axes, correction=correction, keepdim=kept), x, axis, keepdims)


def std(x: Tensor, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """The square root of the variance."""
    return var(x, axis=axis, correction=correction, keepdims=keepdims).sqrt()


def count_nonzero(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """How many elements are not zero."""
    return sum(x != 0, axis=axis, keepdims=keepdims)


def _position(name: str, x: Tensor, axis: int | None, keepdims: bool) -> Tensor:
    find = _ops[name]
    if axis is not None:
        return find(x, axis, keepdim=keepdims)
    found = find(x.flatten(), 0)
    return found.reshape((1,) * x.ndim) if keepdims else found


def argmax(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Where the largest element is: the first, if several are."""
    return _position("argmax", x, axis, keepdims)


def argmin(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Where the smallest element is: the first, if several are."""
    return _position("argmin", x, axis, keepdims)


def _cumulative(name: str, first: int, x: Tensor, axis: int | None, dtype: Any, include_initial: bool) -> Tensor:
    if axis is None:
        if x.ndim != 1:
            raise ValueError(f"cumulative_{name}: an axis is needed for an array of {x.ndim} dims")
        axis = 0
    result = _ops["cum" + name](x, axis, dtype=_sum_dtype(x, dtype))
    if include_initial:
        sizes = list(result.shape)
        sizes[axis] = 1
        start = _ops["full"](sizes, first, dtype=result.dtype, device=result.device)
        result = _ops["cat"]([start, result], axis)
    return result


def cumulative_sum(
    x: Tensor, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """The sums of the elements up to each one, after a 0 on request."""
    return _cumulative("sum", 0, x, axis, dtype, include_initial)


def cumulative_prod(
    x: Tensor, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """The products of the elements up to each one, after a 1 on request."""
    return _cumulative("prod", 1, x, axis, dtype, include_initial)


def diff(
    x: Tensor, /, *, axis: int = -1, n: int = 1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """What each element adds to the one before, `n` times."""
    return _ops["diff"](x, n, axis, prepend, append)
