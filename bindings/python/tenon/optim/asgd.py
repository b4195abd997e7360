"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.optim._functional import asgd
from tenon.optim.optimizer import ParamsT, _check_lr, _counter, _number, _SteppedOptimizer, _zeros_like

__all__ = ["ASGD", "asgd"]


class ASGD(_SteppedOptimizer):
    """Gradient descent that keeps a mean of the parameters; after Polyak and Juditsky."""

    _NUMBER_STATES = ("step", "eta", "mu")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        _check_lr(lr)
        if not 0.0 <= weight_decay:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        defaults = {
            "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _begin(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        return {
            "step": _counter(),
            "eta": _counter(_number(group["lr"])),
            "mu": _counter(1.0),
            "ax": _zeros_like(param),
        }

    def _step_group(self, group: dict[str, Any], begin: Callable[[Tensor], dict[str, Any]]) -> None:
        _C.optim.asgd(
            group["params"], self.state, begin, group["differentiable"], _number(group["lr"]), group["lambd"],
            group["alpha"], group["t0"], group["weight_decay"], group["maximize"],
        )  # fmt: skip
