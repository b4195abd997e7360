"""Functions that move elements about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tenon import _C, _functions
from tenon._C import Tensor
from tenon.array_api._dtypes import promoted

_ops = _C.functions


def broadcast_arrays(*arrays: Tensor) -> tuple[Tensor, ...]:
    """The arrays expanded to the shape that they have together."""
    return tuple(_ops["broadcast_tensors"](*arrays)) if arrays else ()


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that arrays of these shapes broadcast to."""
    try:
        return tuple(_functions.broadcast_shapes(*shapes))
    except RuntimeError as error:
        raise ValueError(str(error)) from None


def broadcast_to(x: Tensor, /, shape: tuple[int, ...]) -> Tensor:
    """The array expanded to a shape."""
    return x.broadcast_to(tuple(shape))


def concat(arrays: Sequence[Tensor], /, *, axis: int | None = 0) -> Tensor:
    """The arrays one after the other along an axis; with none, their elements."""
    arrays = promoted(*arrays)
    return _ops["cat"](arrays if axis is not None else [array.flatten() for array in arrays], axis or 0)


def stack(arrays: Sequence[Tensor], /, *, axis: int = 0) -> Tensor:
    """The arrays along a new axis."""
    return _ops["stack"](promoted(*arrays), axis)


def unstack(x: Tensor, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The arrays that lie along an axis."""
    return tuple(x.unbind(axis))


def expand_dims(x: Tensor, /, axis: int | tuple[int, ...]) -> Tensor:
    """The array with axes of size one at these places of the result."""
    if isinstance(axis, int):
        return x.unsqueeze(axis)
    ndim = x.ndim + len(axis)
    if any(not -ndim <= place < ndim for place in axis):
        raise IndexError(f"expand_dims: axes {axis} are out of range for a result of {ndim} dims")
    places = sorted(place % ndim for place in axis)
    if len(set(places)) < len(places):
        raise ValueError(f"expand_dims: an axis is named twice in {axis}")
    for place in places:
        x = x.unsqueeze(place)
    return x


def squeeze(x: Tensor, /, axis: int | tuple[int, ...]) -> Tensor:
    """The array without these axes, which must be of size one."""
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    result = x.squeeze(axes)
    if result.ndim != x.ndim - len(axes):
        raise ValueError(f"squeeze: axes {axes} of shape {tuple(x.shape)} are not all of size one")
    return result


def flip(x: Tensor, /, *, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """The order of the elements turned round along axes, or along all."""
    return x.flip(tuple(range(x.ndim)) if axis is None else axis)


def moveaxis(x: Tensor, source: int | tuple[int, ...], destination: int | tuple[int, ...], /) -> Tensor:
    """The array with axes moved to other places."""
    return x.movedim(source, destination)


def permute_dims(x: Tensor, /, axes: tuple[int, ...]) -> Tensor:
    """The array with its axes in another order."""
    return x.permute(tuple(axes))


def repeat(x: Tensor, repeats: int | Tensor, /, *, axis: int | None = None) -> Tensor:
    """The array with each element, or each slice along an axis, repeated."""
    return x.repeat_interleave(repeats if isinstance(repeats, int) else repeats.long(), axis)


def reshape(x: Tensor, /, shape: tuple[int, ...], *, copy: bool | None = None) -> Tensor:
    """The elements in another shape; `copy` says whether they must, must not or may be copied."""
    if copy:
        return x.clone().reshape(tuple(shape))
    result = x.reshape(tuple(shape))
    if copy is False and result.data_ptr() != x.data_ptr():
        raise ValueError(f"reshape: shape {tuple(shape)} needs a copy, but copy=False forbids it")
    return result


def roll(x: Tensor, /, shift: int | tuple[int, ...], *, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """The elements moved along axes, or in their whole order; those that fall out come in at the other end."""
    if axis is None:
        return x.roll(shift)
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    shifts = (shift,) * len(axes) if isinstance(shift, int) else tuple(shift)
    return x.roll(shifts, axes)


def tile(x: Tensor, repetitions: tuple[int, ...], /) -> Tensor:
    """The array repeated along each axis."""
    return x.tile(tuple(repetitions))


def take(x: Tensor, indices: Tensor, /, *, axis: int | None = None) -> Tensor:
    """The slices at these positions along an axis; negative ones count from the end."""
    if axis is None:
        if x.ndim != 1:
            raise ValueError(f"take: an axis is needed for an array of {x.ndim} dims")
        axis = 0
    if not -x.ndim <= axis < x.ndim:
        raise IndexError(f"take: axis {axis} is out of range for an array of {x.ndim} dims")
    place: tuple[Any, ...] = (slice(None),) * (axis % x.ndim)
    return x[(*place, indices.long())]


def take_along_axis(x: Tensor, indices: Tensor, /, *, axis: int = -1) -> Tensor:
    """The elements at these positions along an axis; negative ones count from the end."""
    indices = indices.long()
    return x.take_along_dim(_ops["where"](indices < 0, indices + x.shape[axis], indices), axis)
