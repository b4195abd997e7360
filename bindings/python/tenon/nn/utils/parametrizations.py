"""Parametrizations ready to use: orthogonal matrices, weight and spectral normalisation."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

from tenon import _C, _dtypes
from tenon._C import Tensor
from tenon.autograd.grad_mode import no_grad
from tenon.nn import functional as F
from tenon.nn.modules.module import Module
from tenon.nn.utils.parametrize import register_parametrization
from tenon.nn.utils.spectral_norm import _output_dim
from tenon.nn.utils.weight_norm import _weight_norm, norm_except_dim

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


def _diagonal(matrices: Tensor) -> Tensor:
    return matrices.diagonal(dim1=-2, dim2=-1)


def _is_orthogonal(matrices: Tensor) -> bool:
    rows, columns = matrices.shape[-2:]
    identity = _C.functions["eye"](columns, dtype=matrices.dtype, device=matrices.device)
    limits: Any = _dtypes.finfo(matrices.dtype)
    room = 10.0 * rows * limits.eps
    return bool(_C.functions["allclose"](matrices.mH @ matrices, identity, atol=room))


def _make_orthogonal(matrices: Tensor) -> Tensor:
    # The Q of a QR decomposition whose R has a positive diagonal.
    reflectors, tau = _C.functions["geqrf"](matrices)
    q = _C.linalg_functions["householder_product"](reflectors, tau)
    return q * _diagonal(reflectors).sgn().unsqueeze(-2)


class _OrthMaps(Enum):
    matrix_exp = auto()
    cayley = auto()
    householder = auto()


class _Orthogonal(Module):
    base: Tensor

    def __init__(self, weight: Tensor, orthogonal_map: _OrthMaps, *, use_trivialization: bool = True) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map == _OrthMaps.householder:
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            # The result is this times a matrix that begins as the identity.
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        wide = X.size(-2) < X.size(-1)
        tall = X.mT if wide else X
        if self.orthogonal_map is _OrthMaps.householder:
            q = self._by_reflections(tall)
        else:
            q = self._of_skew_matrix(tall)
        if hasattr(self, "base"):
            q = self.base @ q
        return q.mT if wide else q

    def _of_skew_matrix(self, x: Tensor) -> Tensor:
        rows, columns = x.shape[-2:]
        x = x.tril()
        if rows != columns:
            zeros = x.new_zeros(rows, rows - columns).expand(*x.shape[:-2], -1, -1)
            x = _C.functions["cat"]([x, zeros], dim=-1)
        skew = x - x.mH
        if self.orthogonal_map is _OrthMaps.matrix_exp:
            q = _C.functions["matrix_exp"](skew)
        else:
            identity = _C.functions["eye"](rows, dtype=skew.dtype, device=skew.device)
            q = _C.linalg_functions["solve"](identity.add(skew, alpha=-0.5), identity.add(skew, alpha=0.5))
        return q[..., :columns] if rows != columns else q

    def _by_reflections(self, x: Tensor) -> Tensor:
        # Each column below the diagonal is a reflection; the diagonal holds the signs.
        reflectors = x.tril(diagonal=-1)
        tau = 2.0 / (1.0 + (reflectors * reflectors).sum(dim=-2))
        q = _C.linalg_functions["householder_product"](reflectors, tau)
        return q * _diagonal(x).int().unsqueeze(-2)

    @no_grad()
    def right_inverse(self, Q: Tensor) -> Tensor:
        """What gives the matrix Q, or the one nearest to it."""
        if Q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {Q.shape}."
            )
        wide = Q.size(-2) < Q.size(-1)
        tall = Q.mT if wide else Q
        if not hasattr(self, "base"):
            reflectors = self._reflectors_of(tall)
            return reflectors.mT if wide else reflectors
        rows, columns = tall.shape[-2:]
        if rows != columns:
            missing = (*tall.shape[:-2], rows, rows - columns)
            noise = _C.functions["randn"](missing, dtype=tall.dtype, device=tall.device)
            self.base = _make_orthogonal(_C.functions["cat"]([tall, noise], dim=-1))
        else:
            self.base = tall.clone() if _is_orthogonal(tall) else _make_orthogonal(tall)
        # Minus the identity maps to the identity, for every map.
        start = _C.functions["zeros_like"](Q)
        _diagonal(start).fill_(-1.0)
        return start

    def _reflectors_of(self, matrices: Tensor) -> Tensor:
        if self.orthogonal_map is not _OrthMaps.householder:
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                "use_trivialization=False."
            )
        reflectors, tau = _C.functions["geqrf"](matrices)
        signs = _diagonal(reflectors).sign()
        _diagonal(reflectors).copy_(_C.functions["where"](tau == 0.0, -signs, signs))
        return reflectors


def orthogonal(
    module: Any, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Any:
    """Keeps the matrix `name` orthogonal: by 'matrix_exp', 'cayley' or 'householder'."""
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if weight.ndim < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    if orthogonal_map is None:
        square = weight.size(-2) == weight.size(-1)
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    if orthogonal_map not in _OrthMaps.__members__:
        raise ValueError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    made = _Orthogonal(weight, _OrthMaps[orthogonal_map], use_trivialization=use_trivialization)
    register_parametrization(module, name, made, unsafe=True)
    return module


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return _weight_norm(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The length and the direction of a weight."""
        return norm_except_dim(weight, 2, self.dim), weight


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """Makes the parameter `name` a product of its length and its direction."""
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def load_old_names(state_dict: Any, prefix: str, *_: Any) -> None:
        # Those of the form with hooks.
        old = [f"{prefix}{name}_{part}" for part in "gv"]
        if all(key in state_dict for key in old):
            for i, key in enumerate(old):
                state_dict[f"{prefix}parametrizations.{name}.original{i}"] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(load_old_names)
    return module


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        ndim = weight.ndim
        if not -ndim <= dim < ndim:
            raise IndexError(f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but got {dim})")
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim = dim if dim >= 0 else dim + ndim
        self.eps = eps
        if ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = self._reshape_weight_to_matrix(weight)
            height, width = matrix.shape
            u = matrix.new_empty(height).normal_(0, 1)
            v = matrix.new_empty(width).normal_(0, 1)
            self.register_buffer("_u", F.normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", F.normalize(v, dim=0, eps=eps))
            self._power_method(matrix, 15)

    def _reshape_weight_to_matrix(self, weight: Tensor) -> Tensor:
        return weight.movedim(self.dim, 0).flatten(1)

    @no_grad()
    def _power_method(self, matrix: Tensor, n_power_iterations: int) -> None:
        for _ in range(n_power_iterations):
            self._u = F.normalize(matrix.mv(self._v), dim=0, eps=self.eps, out=self._u)
            self._v = F.normalize(matrix.H.mv(self._u), dim=0, eps=self.eps, out=self._v)

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = self._reshape_weight_to_matrix(weight)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        # Copies, because the next call edits them, perhaps before backward.
        u, v = self._u.clone(), self._v.clone()
        return weight / _C.functions["vdot"](u, matrix.mv(v))

    def right_inverse(self, value: Tensor) -> Tensor:
        """The weight itself, for one that is normalised stays as it is."""
        return value


def spectral_norm(
    module: Any, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Any:
    """Divides the parameter `name` by its largest singular value."""
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    made = _SpectralNorm(weight, n_power_iterations, _output_dim(module) if dim is None else dim, eps)
    register_parametrization(module, name, made)
    return module
