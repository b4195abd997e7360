"""Functions with gradients of their own that modules call."""

from __future__ import annotations

from typing import Any

from tenon._C import Tensor
from tenon.autograd.function import Function


class BackwardHookFunction(Function):
    """Passes tensors on, and their gradients back: a node on which a module's hooks are registered."""

    @staticmethod
    def forward(ctx: Any, *args: Tensor) -> tuple[Tensor, ...]:
        ctx.mark_non_differentiable(*[arg for arg in args if not arg.requires_grad])
        return args

    @staticmethod
    def backward(ctx: Any, *args: Any) -> tuple:
        return args
