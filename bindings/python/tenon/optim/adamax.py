"""Adamax: Adam with the largest gradient in place of the mean square."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.optim._functional import adamax
from tenon.optim.optimizer import (
    ParamsT,
    _check_betas,
    _check_lr,
    _counter,
    _number,
    _SteppedOptimizer,
    _zeros_like,
)

__all__ = ["Adamax", "adamax"]


class Adamax(_SteppedOptimizer):
    """Adam with the infinity norm; after Kingma and Ba."""

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        _check_lr(lr)
        if not 0.0 <= eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        _check_betas(betas)
        if not 0.0 <= weight_decay:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _begin(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        return {"step": _counter(), "exp_avg": _zeros_like(param), "exp_inf": _zeros_like(param)}

    def _step_group(self, group: dict[str, Any], begin: Callable[[Tensor], dict[str, Any]]) -> None:
        _C.optim.adamax(
            group["params"], self.state, begin, group["differentiable"], _number(group["lr"]), *group["betas"],
            group["eps"], group["weight_decay"], group["maximize"],
        )  # fmt: skip
