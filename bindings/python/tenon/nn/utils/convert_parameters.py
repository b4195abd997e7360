"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from tenon import _C
from tenon._C import Tensor
from tenon._functions import typename


def _on_one_device(parameters: Iterable[Tensor]) -> list[Tensor]:
    found = list(parameters)
    if any(param.device != found[0].device for param in found):
        raise TypeError("Found two parameters on different devices, this is currently not supported.")
    return found


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The elements of all parameters in one vector."""
    return _C.functions["cat"]([param.view(-1) for param in _on_one_device(parameters)])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Makes the parameters views of the vector, one after the other."""
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected tenon.Tensor, but got: {typename(vec)}")
    start = 0
    for param in _on_one_device(parameters):
        end = start + param.numel()
        param.data = vec[start:end].view_as(param).data
        start = end
