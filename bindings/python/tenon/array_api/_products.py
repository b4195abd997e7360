"""Products of vectors, matrices and arrays."""

from __future__ import annotations

from typing import Any

from tenon import _C, _functions
from tenon._C import Tensor
from tenon.array_api._dtypes import promoted

_ops = _C.functions


def matmul(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The matrix product."""
    return _ops["matmul"](*promoted(x1, x2))


def matrix_transpose(x: Tensor, /) -> Tensor:
    """The last two axes exchanged."""
    if x.ndim < 2:
        raise ValueError(f"matrix_transpose: at least 2 dims are needed, but got {x.ndim}")
    return x.mT


def tensordot(x1: Tensor, x2: Tensor, /, *, axes: Any = 2) -> Tensor:
    """The contraction over the last `axes` axes of `x1` and the first of `x2`, or over the two lists of axes given."""
    return _functions.tensordot(*promoted(x1, x2), dims=axes)


def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The inner product along an axis, conjugate in its first argument."""
    x1, x2 = promoted(x1, x2)
    if x1.shape[axis] != x2.shape[axis]:
        raise ValueError(f"vecdot: sizes {x1.shape[axis]} and {x2.shape[axis]} along axis {axis} differ")
    # Numbered from the end, where the shapes are aligned.
    axis = axis if axis < 0 else axis - x1.ndim
    return (x1.conj() * x2).sum(axis, dtype=x1.dtype)
