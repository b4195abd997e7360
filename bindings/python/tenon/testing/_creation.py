"""Tensors of random numbers in a range."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon._dtypes import finfo, iinfo

__all__ = ["make_tensor"]

_randint, _empty = _C.functions["randint"], _C.functions["empty"]


def _bounds(
    low: float | None, high: float | None, dtype: _C.dtype, limits: tuple[float, float], defaults: tuple[float, float]
) -> tuple[float, float]:
    """The range asked for, cut to what the dtype can hold."""
    low = defaults[0] if low is None else low
    high = defaults[1] if high is None else high
    if low != low or high != high:
        raise ValueError(f"`low` and `high` cannot be NaN, but got {low=} and {high=}")
    if low == high and (dtype.is_floating_point or dtype.is_complex):
        warnings.warn(
            "Passing `low==high` to `tenon.testing.make_tensor` for floating or complex types is deprecated. "
            "Use `tenon.full(...)` instead.",
            FutureWarning,
            stacklevel=3,
        )
    elif low >= high:
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    elif high < limits[0] or low >= limits[1]:
        raise ValueError(
            f"The value interval specified by `low` and `high` is [{low}, {high}), "
            f"but {dtype} only supports [{limits[0]}, {limits[1]})"
        )
    return tuple(min(max(value, limits[0]), limits[1]) for value in (low, high))


def _integers(shape: tuple, dtype: _C.dtype, device: Any, low: float | None, high: float | None) -> Tensor:
    if dtype is _C.bool:
        limits = defaults = (0, 2)
    else:
        info = iinfo(dtype)
        # randint takes its upper bound as an int64, which cannot be one more than the largest of them.
        limits, defaults = (info.min, info.max + (dtype is not _C.int64)), (-9, 10)
    first, last = _bounds(low, high, dtype, limits, defaults)
    return _randint(math.ceil(first), math.ceil(last), shape, device=device, dtype=dtype)


def _numbers(shape: tuple, dtype: _C.dtype, device: Any, low: float | None, high: float | None) -> Tensor:
    info = finfo(dtype)
    first, last = _bounds(low, high, dtype, (info.min, info.max), (-9, 9))
    result = _empty(shape, device=device, dtype=dtype)
    flat = result.view_as_real() if dtype.is_complex else result
    if last - first >= finfo(flat.dtype).max:
        # uniform_ cannot take a range that is wider than the largest number.
        flat.uniform_(first / 2, last / 2).mul_(2)
    else:
        flat.uniform_(first, last)
    return result


def make_tensor(
    *shape: Any,
    dtype: _C.dtype,
    device: Any,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Random numbers in [low, high), by default between -9 and 9; the same as PyTorch's after the same seed."""
    if len(shape) == 1 and isinstance(shape[0], Sequence):
        shape = tuple(shape[0])
    if noncontiguous and memory_format is not None:
        raise ValueError(
            "The parameters `noncontiguous` and `memory_format` are mutually exclusive, "
            f"but got {noncontiguous=} and {memory_format=}"
        )
    real = dtype.is_floating_point or dtype.is_complex
    if requires_grad and not real:
        raise ValueError(f"`requires_grad=True` is not supported for boolean and integral dtypes, but got {dtype=}")
    spread = noncontiguous and math.prod(shape) > 1
    if spread:
        shape = (*shape[:-1], 2 * shape[-1])
    result = (_numbers if real else _integers)(shape, dtype, device, low, high)
    if spread:
        result = result[..., 1::2]
    elif memory_format is not None:
        result = result.clone(memory_format=memory_format)
    if exclude_zero:
        result[result == 0] = finfo(dtype).tiny if real else 1
    if real:
        result.requires_grad = requires_grad
    return result
