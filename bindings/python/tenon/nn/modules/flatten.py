"""Several dims as one, and one as several."""

from __future__ import annotations

from typing import Any

from tenon._C import Tensor
from tenon.nn.modules.module import Module
from tenon.nn.modules.utils import _named

__all__ = ["Flatten", "Unflatten"]


class Flatten(Module):
    """Makes one dim of those from `start_dim` to `end_dim`."""

    start_dim: int
    end_dim: int

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return _named(self, "start_dim", "end_dim")


class Unflatten(Module):
    """Makes several dims of one."""

    dim: int

    def __init__(self, dim: int, unflattened_size: Any) -> None:
        super().__init__()
        if not isinstance(unflattened_size, (tuple, list)):
            kind = type(unflattened_size).__name__
            raise TypeError(f"unflattened_size must be a tuple of ints, but found type {kind}")
        for place, size in enumerate(unflattened_size):
            if not isinstance(size, int):
                kind = type(size).__name__
                raise TypeError(
                    f"unflattened_size must be tuple of ints, but found element of type {kind} at pos {place}"
                )
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return _named(self, "dim", "unflattened_size")
