"""Dtypes of the array API: which go together, what they hold, and arrays brought to one."""

from __future__ import annotations

import functools
from typing import Any

from tenon import _C, _dtypes
from tenon._C import Tensor, dtype

# In the order in which a number of a kind gives way to an array's dtype.
_NUMBERS = (bool, int, float, complex)
_KINDS = ("bool", "integral", "real floating", "complex floating")


def _kind(dtype: dtype) -> int:
    if dtype is _C.bool:
        return 0
    return 3 if dtype.is_complex else 2 if dtype.is_floating_point else 1


def _with_number(dtype: dtype, number: complex) -> dtype:
    # A number takes the array's dtype, unless it is of a kind that this cannot hold.
    kind = _NUMBERS.index(type(number)) if type(number) in _NUMBERS else _kind(_C.as_tensor(number).dtype)
    if kind <= _kind(dtype):
        return dtype
    if kind == 1:
        return _C.int64
    real = dtype if dtype.is_floating_point else _C.get_default_dtype()
    return real if kind == 2 else real.to_complex()


def result_type(*arrays_and_dtypes: Tensor | dtype | complex) -> dtype:
    """The dtype of an operation on arrays, dtypes and numbers; an array without dims counts as any other."""
    numbers = [value for value in arrays_and_dtypes if isinstance(value, _NUMBERS)]
    dtypes = [value if isinstance(value, dtype) else value.dtype
              for value in arrays_and_dtypes if not isinstance(value, _NUMBERS)]  # fmt: skip
    if not dtypes:
        raise ValueError("result_type: at least one array or dtype is needed")
    return functools.reduce(_with_number, numbers, functools.reduce(_C.promote_types, dtypes))


def promoted(*values: Any) -> list[Tensor]:
    """The arrays, and the numbers among them made arrays, in the dtype that they have together."""
    together = result_type(*values)
    device = next(value.device for value in values if isinstance(value, Tensor))
    return [
        value.to(together) if isinstance(value, Tensor) else _C.tensor(value, dtype=together, device=device)
        for value in values
    ]


def can_cast(from_: Tensor | dtype, to: dtype, /) -> bool:
    """Whether promotion can lead from one dtype to the other."""
    try:
        return result_type(from_, to) is to
    except RuntimeError:
        return False


def isdtype(dtype: dtype, kind: Any) -> bool:
    """Whether a dtype is the one given, or of the kind given, or of one of several."""
    if isinstance(kind, tuple):
        return any(isdtype(dtype, one) for one in kind)
    if not isinstance(kind, str):
        return dtype is kind
    own = _KINDS[_kind(dtype)]
    if kind in ("signed integer", "unsigned integer"):
        return own == "integral" and dtype.is_signed == (kind == "signed integer")
    if kind != "numeric" and kind not in _KINDS:
        raise ValueError(f"isdtype: {kind!r} is no kind of dtypes")
    return own == kind or (kind == "numeric" and own != "bool")


def astype(x: Tensor, dtype: dtype, /, *, copy: bool = True, device: Any = None) -> Tensor:
    """The array in another dtype, a copy unless `copy` is False and nothing changes."""
    if x.dtype.is_complex and not dtype.is_complex:
        raise TypeError(f"astype: complex numbers cannot become {dtype}; take real() or imag() of them")
    return x.to(device=x.device if device is None else device, dtype=dtype, copy=copy)


def _dtype_of(type: Tensor | dtype) -> dtype:
    return type.dtype if isinstance(type, Tensor) else type


class finfo(_dtypes.finfo):
    """The limits of a floating dtype, or of an array's."""

    def __init__(self, type: Tensor | dtype, /) -> None:
        super().__init__(_dtype_of(type))
        self.__dict__["dtype"] = _dtype_of(type).to_real()


class iinfo(_dtypes.iinfo):
    """The limits of an integer dtype, or of an array's."""

    def __init__(self, type: Tensor | dtype, /) -> None:
        super().__init__(_dtype_of(type))
        self.__dict__["dtype"] = _dtype_of(type)
