"""The array API's extension for linear algebra."""

from __future__ import annotations

from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.array_api._dtypes import promoted
from tenon.array_api._products import matmul, matrix_transpose, tensordot, vecdot  # noqa: F401
from tenon.array_api._reductions import reduced, sum

_ops = _C.linalg_functions

cholesky = _ops["cholesky"]
det = _ops["det"]
eig = _ops["eig"]
eigh = _ops["eigh"]
eigvals = _ops["eigvals"]
eigvalsh = _ops["eigvalsh"]
inv = _ops["inv"]
matrix_power = _ops["matrix_power"]
qr = _ops["qr"]
slogdet = _ops["slogdet"]
svd = _ops["svd"]
svdvals = _ops["svdvals"]


def cross(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The cross product of vectors of three elements along an axis."""
    x1, x2 = promoted(x1, x2)
    if x1.shape[axis] != 3 or x2.shape[axis] != 3:
        raise ValueError(f"cross: axis {axis} must be of size 3, but got {x1.shape[axis]} and {x2.shape[axis]}")
    return _ops["cross"](*_C.functions["broadcast_tensors"](x1, x2), dim=axis)


def diagonal(x: Tensor, /, *, offset: int = 0) -> Tensor:
    """The diagonals of matrices."""
    return x.diagonal(offset, -2, -1)


def matrix_norm(x: Tensor, /, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    """The norms of matrices."""
    return _ops["matrix_norm"](x, ord, keepdim=keepdims)


def matrix_rank(x: Tensor, /, *, rtol: float | Tensor | None = None) -> Tensor:
    """The number of singular values that are larger than `rtol` times the largest."""
    return _ops["matrix_rank"](x, rtol=rtol)


def outer(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The products of each element of one vector with each of the other."""
    return _C.functions["outer"](*promoted(x1, x2))


def pinv(x: Tensor, /, *, rtol: float | Tensor | None = None) -> Tensor:
    """The pseudo-inverses of matrices; singular values up to `rtol` times the largest count as zero."""
    return _ops["pinv"](x, rtol=rtol)


def solve(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The solutions of linear systems; `x2` is one vector or a stack of matrices, never a stack of vectors."""
    x1, x2 = promoted(x1, x2)
    if x2.ndim > 1 and x2.ndim == x1.ndim - 1:
        x2 = x2[None]
    return _ops["solve"](x1, x2)


def trace(x: Tensor, /, *, offset: int = 0, dtype: Any = None) -> Tensor:
    """The sums of the diagonals of matrices."""
    return sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)


def vector_norm(x: Tensor, /, *, axis: Any = None, keepdims: bool = False, ord: float = 2) -> Tensor:
    """The norms of vectors along axes, or of all elements."""
    norm = _ops["vector_norm"]
    return reduced(lambda x, axes, kept: norm(x, ord, axes, keepdim=kept), x, axis, keepdims)
