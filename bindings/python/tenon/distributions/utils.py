"""What distributions share: broadcasting of parameters, probabilities and logits, values that are computed once."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Number
from typing import Any

import tenon
from tenon import Tensor

euler_constant = 0.57721566490153286060


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Numbers and tensors as tensors of one shape; numbers take the dtype of the first tensor."""
    if not all(isinstance(value, (Number, Tensor)) for value in values):
        raise ValueError("Input arguments must all be instances of Number or Tensor.")
    tensors = [value for value in values if isinstance(value, Tensor)]
    like = {"dtype": tensors[0].dtype, "device": tensors[0].device} if tensors else {"dtype": tenon.get_default_dtype()}
    return tuple(tenon.broadcast_tensors(*(v if isinstance(v, Tensor) else tenon.tensor(v, **like) for v in values)))


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities moved off zero and one as far as the dtype tells numbers apart."""
    eps = tenon.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """The probabilities of log odds, or of unnormalised log probabilities along the last dim."""
    return tenon.sigmoid(logits) if is_binary else logits.softmax(-1)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """The log odds of probabilities, or their logarithms."""
    probs = clamp_probs(probs)
    return probs.log() - (-probs).log1p() if is_binary else probs.log()


class lazy_property:
    """A property that is computed, with gradients, when it is first read, and then an attribute."""

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        self.wrapped = wrapped
        self.__doc__ = wrapped.__doc__

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        with tenon.enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """The lower triangle of a batch of square matrices, row by row."""
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    rows, columns = tenon.tril_indices(n, n, diag, device=mat.device)
    return mat[..., rows, columns]


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """The inverse of tril_matrix_to_vec(): zero above the triangle."""
    length, step = vec.shape[-1], 1 + 2 * diag
    # The size of which the triangle has this many elements.
    n = (math.isqrt(step**2 + 8 * length + 4 * abs(diag) * (diag + 1)) - step) // 2
    rows, columns = tenon.tril_indices(n, n, diag, device=vec.device)
    if rows.numel() != length:
        raise ValueError(f"The size of last dimension is {length}, which is not that of a lower triangle.")
    mat = vec.new_zeros((*vec.shape[:-1], n, n))
    mat[..., rows, columns] = vec
    return mat


def _standard_normal(shape: Any, dtype: Any, device: Any) -> Tensor:
    return tenon.randn(shape, dtype=dtype, device=device)


def _sum_rightmost(value: Tensor, dim: int) -> Tensor:
    return value if dim == 0 else value.reshape(value.shape[:-dim] + (-1,)).sum(-1)
