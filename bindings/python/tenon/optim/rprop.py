"""Rprop: steps by the signs of gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.optim._functional import rprop
from tenon.optim.optimizer import ParamsT, _check_lr, _counter, _number, _SteppedOptimizer, _zeros_like

__all__ = ["Rprop", "rprop"]


class Rprop(_SteppedOptimizer):
    """Each element steps by a size of its own, which grows until its gradient turns; after Riedmiller and Braun."""

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        _check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _begin(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        lr = _number(group["lr"])
        size = _C.functions["full_like"](param.detach(), complex(lr, lr) if param.is_complex() else lr)
        return {"step": _counter(), "prev": _zeros_like(param), "step_size": size}

    def _step_group(self, group: dict[str, Any], begin: Callable[[Tensor], dict[str, Any]]) -> None:
        _C.optim.rprop(
            group["params"], self.state, begin, group["differentiable"], *group["etas"], *group["step_sizes"],
            group["maximize"],
        )  # fmt: skip
