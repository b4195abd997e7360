"""Approximate factors of matrices of low rank, found by random projection, and a few eigenpairs."""

from __future__ import annotations

from typing import Any

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


def lobpcg(
    A: Tensor,
    k: int | None = None,
    B: Tensor | None = None,
    X: Tensor | None = None,
    n: int | None = None,
    iK: Tensor | None = None,
    niter: int | None = None,
    tol: float | None = None,
    largest: bool | None = None,
    method: str | None = None,
    tracker: Any = None,
    ortho_iparams: dict[str, int] | None = None,
    ortho_fparams: dict[str, float] | None = None,
    ortho_bparams: dict[str, bool] | None = None,
) -> tuple[Tensor, Tensor]:
    """The `k` largest or smallest eigenvalues of symmetric `A`, or of `A x = e B x`, and their eigenvectors.

    They come from the dense solver, to full precision; what steers PyTorch's iteration (`X` but for its width, `n`,
    `iK`, `niter`, `tol`, `method`, `tracker` and `ortho_*`) has nothing to steer.
    """
    if A.dim() < 2 or A.shape[-1] != A.shape[-2]:
        raise ValueError(f"lobpcg: A must be square matrices, but its shape is {tuple(A.shape)}")
    if B is not None and B.shape != A.shape:
        raise ValueError(f"lobpcg: A and B must have one shape, but got {tuple(A.shape)} and {tuple(B.shape)}")
    size = A.shape[-1]
    k = (1 if X is None else X.shape[-1]) if k is None else k
    if not 0 < k or size < 3 * k:
        raise ValueError(
            f"LOBPCG algorithm is not applicable when the number of A rows (={size}) is smaller than 3 x the number "
            f"of requested eigenpairs (={k})"
        )
    if B is None:
        values, vectors = _linalg["eigh"](A)
    else:
        # With B = L L^H, the eigenvectors of L^-1 A L^-H are L^H x.
        factor = _linalg["cholesky"](B)
        half = _linalg["solve_triangular"](factor, A, upper=False)
        inner = _linalg["solve_triangular"](factor.mH, half, upper=True, left=False)
        values, vectors = _linalg["eigh"](inner)
        vectors = _linalg["solve_triangular"](factor.mH, vectors, upper=True)
    # eigh's values rise.
    if largest is None or largest:
        values, vectors = values.flip(-1), vectors.flip(-1)
    return values[..., :k], vectors[..., :k]
