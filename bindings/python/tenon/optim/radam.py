"""RAdam: Adam that waits until the variance is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.optim._functional import radam
from tenon.optim.optimizer import (
    ParamsT,
    _check_betas,
    _check_lr,
    _counter,
    _number,
    _SteppedOptimizer,
    _zeros_like,
)

__all__ = ["RAdam", "radam"]


class RAdam(_SteppedOptimizer):
    """Adam with its variance rectified; after Liu et al."""

    _OPTION_DEFAULTS = _SteppedOptimizer._OPTION_DEFAULTS | {"decoupled_weight_decay": False}

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        _check_lr(lr)
        if not 0.0 <= eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        _check_betas(betas)
        if not 0.0 <= weight_decay:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "foreach": foreach, "capturable": capturable, "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _begin(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        return {"step": _counter(), "exp_avg": _zeros_like(param), "exp_avg_sq": _zeros_like(param)}

    def _step_group(self, group: dict[str, Any], begin: Callable[[Tensor], dict[str, Any]]) -> None:
        _C.optim.radam(
            group["params"], self.state, begin, group["differentiable"], _number(group["lr"]), *group["betas"],
            group["eps"], group["weight_decay"], group["decoupled_weight_decay"], group["maximize"],
        )  # fmt: skip
