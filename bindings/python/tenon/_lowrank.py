"""Factors of low rank by random projection (Halko, Martinsson and Tropp, 2009), and a few eigenpairs."""

from __future__ import annotations

from typing import Any

from tenon import _C
from tenon._C import Tensor

_linalg = _C.linalg_functions


def _range_of(matrix: Tensor, q: int, niter: int) -> Tensor:
    # q orthonormal columns that span about what the matrix's leading q columns of its SVD do.
    start = _C.functions["randn"](matrix.shape[-1], q, dtype=matrix.dtype, device=matrix.device)
    basis = _linalg["qr"](matrix @ start)[0]
    for _ in range(niter):
        basis = _linalg["qr"](matrix.mH @ basis)[0]
        basis = _linalg["qr"](matrix @ basis)[0]
    return basis


def svd_lowrank(
    A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """U, S and V of about the `q` largest singular values of `A`, or of `A - M`."""
    q, niter = 6 if q is None else q, 2 if niter is None else niter
    matrix = A if M is None else A - M.broadcast_to(A.shape)
    # The narrow side is projected.
    is_wide = matrix.shape[-2] < matrix.shape[-1]
    if is_wide:
        matrix = matrix.mH
    basis = _range_of(matrix, q, niter)
    U, S, Vh = _linalg["svd"](basis.mH @ matrix, full_matrices=False)
    U, V = basis @ U, Vh.mH
    return (V, S, U) if is_wide else (U, S, V)


def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """The principal components of the rows of `A`: svd_lowrank(), with the mean of each column taken off."""
    smaller = min(A.shape[-2:])
    q = min(6, smaller) if q is None else q
    if not 0 <= q <= smaller:
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={smaller}")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
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
