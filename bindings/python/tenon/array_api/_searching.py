"""Functions that sort, search and find what is distinct."""

from __future__ import annotations

from typing import Any, NamedTuple

from tenon import _C
from tenon._C import Tensor
from tenon.array_api._dtypes import promoted

_ops = _C.functions


def argsort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The positions of the elements in order."""
    return _ops["argsort"](x, dim=axis, descending=descending, stable=stable)


def sort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements in order."""
    return _ops["sort"](x, dim=axis, descending=descending, stable=stable)[0]


def nonzero(x: Tensor, /) -> tuple[Tensor, ...]:
    """Where the elements are that are not zero: their positions along each axis."""
    if x.ndim == 0:
        raise ValueError("nonzero: an array without dims has no positions")
    return tuple(x.nonzero().unbind(1))


def searchsorted(x1: Tensor, x2: Tensor | complex, /, *, side: str = "left", sorter: Tensor | None = None) -> Tensor:
    """Where the elements of `x2` go into `x1`, which is in order, or which `sorter` puts in order."""
    x1, x2 = promoted(x1, x2)
    return _ops["searchsorted"](x1, x2, side=side, sorter=None if sorter is None else sorter.long())


def isin(x1: Tensor | complex, x2: Tensor | complex, /, *, invert: bool = False) -> Tensor:
    """Whether each element of `x1` is, or with `invert` is not, one of `x2`."""
    x1, x2 = promoted(x1, x2)
    if not x1.is_complex():
        return _ops["isin"](x1, x2, invert=invert)
    found = (x1.unsqueeze(-1) == x2.flatten()).any(-1)
    return ~found if invert else found


class _All(NamedTuple):
    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class _Counts(NamedTuple):
    values: Tensor
    counts: Tensor


class _Inverse(NamedTuple):
    values: Tensor
    inverse_indices: Tensor


def unique_all(x: Tensor, /) -> Any:
    """The distinct elements in order, where each is first, which one each element is, and how often it is there.

    Each NaN is distinct from the others. Complex numbers are ordered by their real parts first.
    """
    flat = x.flatten()
    if flat.is_complex():
        order = flat.imag.argsort(stable=True)
        order = order[flat.real[order].argsort(stable=True)]
    else:
        order = flat.argsort(stable=True)
    ordered = flat[order]
    is_first = _ops["ones_like"](ordered, dtype=_C.bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    starts = is_first.nonzero()[:, 0]
    inverse = _ops["empty_like"](order)
    inverse[order] = is_first.cumsum(0) - 1
    counts = starts.diff(append=_C.tensor([flat.numel()], device=x.device))
    return _All(ordered[starts], order[starts], inverse.reshape(x.shape), counts)


def unique_counts(x: Tensor, /) -> Any:
    """The distinct elements in order, and how often each is there."""
    found = unique_all(x)
    return _Counts(found.values, found.counts)


def unique_inverse(x: Tensor, /) -> Any:
    """The distinct elements in order, and which of them each element is."""
    found = unique_all(x)
    return _Inverse(found.values, found.inverse_indices)


def unique_values(x: Tensor, /) -> Tensor:
    """The distinct elements in order."""
    return unique_all(x).values
