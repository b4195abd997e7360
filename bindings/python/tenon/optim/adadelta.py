"""Adadelta: steps in the units of the parameter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.optim._functional import adadelta
from tenon.optim.optimizer import ParamsT, _check_lr, _counter, _number, _SteppedOptimizer, _zeros_like

__all__ = ["Adadelta", "adadelta"]


class Adadelta(_SteppedOptimizer):
    """Steps by the ratio of past steps to past gradients; after Zeiler."""

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        _check_lr(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        if not 0.0 <= eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        if not 0.0 <= weight_decay:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        defaults = {
            "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "capturable": capturable, "foreach": foreach, "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _begin(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        return {"step": _counter(), "square_avg": _zeros_like(param), "acc_delta": _zeros_like(param)}

    def _step_group(self, group: dict[str, Any], begin: Callable[[Tensor], dict[str, Any]]) -> None:
        _C.optim.adadelta(
            group["params"], self.state, begin, group["differentiable"], _number(group["lr"]), group["rho"],
            group["eps"], group["weight_decay"], group["maximize"],
        )  # fmt: skip
