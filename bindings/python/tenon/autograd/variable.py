"""Variable, as programs older than PyTorch 0.4 name the tensors that they differentiate."""

from __future__ import annotations

from typing import Any

from tenon._C import Tensor
from tenon._creation import create_tensor


class VariableMeta(type):
    """Makes tensors instances of Variable, and a call of Variable make a tensor."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)

    def __call__(cls, data: Any = (), requires_grad: bool = False) -> Tensor:
        if not isinstance(data, Tensor):
            return create_tensor(data, requires_grad=requires_grad)
        return data.detach().requires_grad_(requires_grad)


class Variable(metaclass=VariableMeta):
    """Called with a tensor, an alias of it outside any graph; called with plain data, a tensor of it."""
