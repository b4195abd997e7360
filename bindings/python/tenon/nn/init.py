"""Initial values of parameters, under the names of torch.nn.init; the same seed gives the same values."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from tenon._C import Generator, Tensor
from tenon._C import nn_init as _init

_calculate_fan_in_and_fan_out = _init.calculate_fan_in_and_fan_out


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By how much a nonlinearity shrinks the deviation of what passes it; `param` is the slope of leaky_relu."""
    if nonlinearity == "leaky_relu" and param is not None:
        if isinstance(param, bool) or not isinstance(param, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
    else:
        param = 0.01
    return _init.calculate_gain(nonlinearity, param)


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform numbers in [a, b)."""
    _init.uniform_(tensor, a, b, generator)
    return tensor


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal numbers."""
    _init.normal_(tensor, mean, std, generator)
    return tensor


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Normal numbers of which those outside [a, b] are drawn again."""
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(f"trunc_normal_: mean {mean} is more than 2 std from [{a}, {b}]", stacklevel=2)
    _init.trunc_normal_(tensor, mean, std, a, b, generator)
    return tensor


def constant_(tensor: Tensor, val: float) -> Tensor:
    """`val` everywhere."""
    _init.constant_(tensor, val)
    return tensor


def ones_(tensor: Tensor) -> Tensor:
    """Ones."""
    return constant_(tensor, 1)


def zeros_(tensor: Tensor) -> Tensor:
    """Zeros."""
    return constant_(tensor, 0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity, of a matrix."""
    _init.eye_(tensor)
    return tensor


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Convolution weights that pass as many channels through as there are, in each group."""
    _init.dirac_(tensor, groups)
    return tensor


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform numbers that keep the variance, after Glorot and Bengio."""
    _init.xavier_uniform_(tensor, gain, generator)
    return tensor


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal numbers that keep the variance, after Glorot and Bengio."""
    _init.xavier_normal_(tensor, gain, generator)
    return tensor


def _warn_of_nothing(tensor: Tensor) -> None:
    if tensor.numel() == 0:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Uniform numbers that keep the variance through a nonlinearity, after He et al."""
    _warn_of_nothing(tensor)
    _init.kaiming_uniform_(tensor, a, mode, nonlinearity, generator)
    return tensor


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Normal numbers that keep the variance through a nonlinearity, after He et al."""
    _warn_of_nothing(tensor)
    _init.kaiming_normal_(tensor, a, mode, nonlinearity, generator)
    return tensor


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Normal numbers, of which the fraction `sparsity` of each column is zeroed."""
    _init.sparse_(tensor, sparsity, std, generator)
    return tensor


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """A matrix (of the dims after the first as one) with orthonormal rows or columns, after Saxe et al."""
    _init.orthogonal_(tensor, gain, generator)
    return tensor


def _old_name(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    name = function.__name__

    def deprecated(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(f"nn.init.{name[:-1]} is deprecated in favor of nn.init.{name}.", FutureWarning, stacklevel=2)
        return function(*args, **kwargs)

    deprecated.__name__ = deprecated.__qualname__ = name[:-1]
    deprecated.__doc__ = f"The old name of {name}."
    return deprecated


uniform = _old_name(uniform_)
normal = _old_name(normal_)
constant = _old_name(constant_)
eye = _old_name(eye_)
dirac = _old_name(dirac_)
xavier_uniform = _old_name(xavier_uniform_)
xavier_normal = _old_name(xavier_normal_)
kaiming_uniform = _old_name(kaiming_uniform_)
kaiming_normal = _old_name(kaiming_normal_)
sparse = _old_name(sparse_)
orthogonal = _old_name(orthogonal_)
