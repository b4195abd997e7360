"""The functions that neural networks are made of, under the names of torch.nn.functional."""

from __future__ import annotations

from typing import Any

from tenon import _C

# Ops of the top-level module that PyTorch has here as well.
_SHARED = (
    "celu elu hardshrink hardsigmoid hardswish hardtanh leaky_relu mish one_hot prelu relu relu6 rrelu "
    "selu sigmoid silu softplus softshrink softsign tanh tanhshrink threshold"
).split()
_ALIASES = {"log_sigmoid": "logsigmoid"}

for _name in _SHARED:
    if _name in _C.functions:
        globals()[_name] = _C.functions[_name]
for _name, _alias in _ALIASES.items():
    if _name in _C.functions:
        globals()[_alias] = _C.functions[_name]
globals().update(_C.nn_functions)


def _softmax_dim(input: _C.Tensor, dim: int | None) -> int:
    # What PyTorch takes, with a warning there, when no dim is given.
    return dim if dim is not None else 0 if input.ndim in (0, 1, 3) else 1


def softmax(input: _C.Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> _C.Tensor:
    """exp(input) divided by its sum along a dim."""
    return _C.functions["softmax"](input, _softmax_dim(input, dim), dtype)


def log_softmax(input: _C.Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> _C.Tensor:
    """The logarithm of softmax."""
    return _C.functions["log_softmax"](input, _softmax_dim(input, dim), dtype)


def softmin(input: _C.Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> _C.Tensor:
    """softmax of -input."""
    return softmax(-input, dim, dtype=dtype)
