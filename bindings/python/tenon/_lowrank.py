"""Approximate factors of matrices of low rank, found by random projection."""

from __future__ import annotations

from tenon import _C
from tenon._C import Tensor

_f, _linalg = _C.functions, _C.linalg_functions


def _range_basis(A: Tensor, q: int, niter: int) -> Tensor:
    """An orthonormal basis of about the range of A: that of A on random vectors, sharpened by subspace iteration."""
    dtype = A.dtype if A.is_complex() or A.is_floating_point() else _C.get_default_dtype()
    basis = _linalg["qr"](A @ _f["randn"](A.shape[-1], q, dtype=dtype, device=A.device))[0]
    for _ in range(niter):
        basis = _linalg["qr"](A.mH @ basis)[0]
        basis = _linalg["qr"](A @ basis)[0]
    return basis


def svd_lowrank(
    A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """U, S and V of A, or of A - M, of about rank q: algorithm 5.1 of Halko, Martinsson and Tropp (2009)."""
    whole = A if M is None else A - M.broadcast_to(A.shape)
    is_wide = whole.shape[-2] < whole.shape[-1]
    tall = whole.mH if is_wide else whole
    basis = _range_basis(tall, 6 if q is None else q, 2 if niter is None else niter)
    u, s, vh = _linalg["svd"](basis.mH @ tall, full_matrices=False)
    u, v = basis @ u, vh.mH
    return (v, s, u) if is_wide else (u, s, v)


def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """U, S and V of the principal components of the rows of A, less their mean unless `center` is False."""
    limit = min(A.shape[-2:])
    q = min(6, limit) if q is None else q
    if not 0 <= q <= limit:
        raise ValueError(f"pca_lowrank: q must be from 0 to {limit}, the smaller size of A, got {q}")
    if niter < 0:
        raise ValueError(f"pca_lowrank: niter must not be negative, got {niter}")
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, q, niter)
