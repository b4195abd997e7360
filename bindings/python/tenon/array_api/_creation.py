"""New arrays."""

from __future__ import annotations

from typing import Any

from tenon import _C, _functions
from tenon._C import Tensor

_ops = _C.functions
empty_like = _ops["empty_like"]
full_like = _ops["full_like"]
ones_like = _ops["ones_like"]
zeros_like = _ops["zeros_like"]


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Tensor:
    """`obj` as an array; `copy` says whether it must, must not or may have memory of its own."""
    if device is None and isinstance(obj, Tensor):
        device = obj.device
    return _functions.asarray(obj, dtype=dtype, device=device, copy=copy)


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """An array over the memory of any object with `__dlpack__`."""
    return _C.from_dlpack(x, device=device, copy=copy)


def arange(
    start: float, /, stop: float | None = None, step: float = 1, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """The numbers from `start`, or from 0, to before `stop`, `step` apart; none where that leads away from `stop`."""
    if stop is None:
        start, stop = 0, start
    if dtype is None:
        whole = all(isinstance(number, int) for number in (start, stop, step))
        dtype = _C.int64 if whole else _C.get_default_dtype()
    if step != 0 and (stop - start) / step <= 0:
        return _ops["empty"]((0,), dtype=dtype, device=device)
    return _ops["arange"](start, stop, step, dtype=dtype, device=device)


def linspace(
    start: complex, stop: complex, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True
) -> Tensor:
    """`num` numbers at equal distances from `start` to `stop`, this included unless `endpoint` is False."""
    if dtype is None:
        dtype = _C.get_default_dtype()
        dtype = dtype.to_complex() if isinstance(start, complex) or isinstance(stop, complex) else dtype
    numbers = _ops["linspace"](start, stop, num if endpoint else num + 1, dtype=dtype, device=device)
    return numbers[:num]


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Tensor:
    """A matrix of zeros with ones on the diagonal `k` above the main one."""
    matrix = zeros((n_rows, n_rows if n_cols is None else n_cols), dtype=dtype, device=device)
    if -matrix.shape[0] < k < matrix.shape[1]:
        matrix.diagonal(k).fill_(1)
    return matrix


def _sizes(shape: Any) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def empty(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """An array of any values."""
    return _ops["empty"](_sizes(shape), dtype=dtype, device=device)


def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """An array of zeros."""
    return _ops["zeros"](_sizes(shape), dtype=dtype, device=device)


def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """An array of ones."""
    return _ops["ones"](_sizes(shape), dtype=dtype, device=device)


def full(shape: Any, fill_value: complex, *, dtype: Any = None, device: Any = None) -> Tensor:
    """An array of one number."""
    return _ops["full"](_sizes(shape), fill_value, dtype=dtype, device=device)


def meshgrid(*arrays: Tensor, indexing: str = "xy") -> tuple[Tensor, ...]:
    """The coordinates of a grid, the first array's along the columns ("xy") or along the rows ("ij")."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing must be 'xy' or 'ij', but got {indexing!r}")
    return tuple(_ops["meshgrid"](*arrays, indexing=indexing)) if arrays else ()


def tril(x: Tensor, /, *, k: int = 0) -> Tensor:
    """Matrices with zeros above diagonal `k`."""
    return x.tril(k)


def triu(x: Tensor, /, *, k: int = 0) -> Tensor:
    """Matrices with zeros below diagonal `k`."""
    return x.triu(k)
