"""Gradients made smaller: by their total norm, or each number on its own."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from types import GeneratorType
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.autograd.grad_mode import no_grad

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_"]

Tensors = Tensor | Iterable[Tensor]


def _listed(tensors: Tensors) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _grads(parameters: Tensors) -> list[Tensor]:
    return [param.grad for param in _listed(parameters) if param.grad is not None]


@no_grad()
def _get_total_norm(
    tensors: Tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """The norm of all tensors together, as if they were one vector."""
    tensors = _listed(tensors)
    norm_type = float(norm_type)
    if not tensors:
        return _C.tensor(0.0)
    vector_norm = _C.linalg_functions["vector_norm"]
    device = tensors[0].device
    norms = [vector_norm(tensor, norm_type).to(device) for tensor in tensors]
    total_norm = vector_norm(_C.functions["stack"](norms), norm_type)
    if error_if_nonfinite and not total_norm.isfinite():
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be "
            "clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total_norm


@no_grad()
def _clip_grads_with_norm_(
    parameters: Tensors, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scales the gradients so that their total norm, which is given, becomes `max_norm` at most."""
    factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
    if factor.is_cpu and factor.item() == 1.0:
        return
    for grad in _grads(parameters):
        grad.mul_(factor.to(grad.device))


def clip_grad_norm_(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scales the gradients so that the norm of all together is `max_norm` at most; returns what it was."""
    found = _listed(parameters)
    if not found and isinstance(parameters, GeneratorType):
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2)
    total_norm = _get_total_norm(_grads(found), norm_type, error_if_nonfinite, foreach)
    _clip_grads_with_norm_(found, max_norm, total_norm, foreach)
    return total_norm


def clip_grad_norm(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The old name of clip_grad_norm_()."""
    warnings.warn(
        "`tenon.nn.utils.clip_grad_norm` is now deprecated in favor of `tenon.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


@no_grad()
def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Limits each number of the gradients to [-clip_value, clip_value]."""
    limit: Any = float(clip_value)
    for grad in _grads(parameters):
        grad.clamp_(min=-limit, max=limit)
