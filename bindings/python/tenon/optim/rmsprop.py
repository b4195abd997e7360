"""RMSprop: steps divided by means of the gradient's square."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.optim._functional import rmsprop
from tenon.optim.optimizer import ParamsT, _check_lr, _counter, _number, _SteppedOptimizer, _zeros_like

__all__ = ["RMSprop", "rmsprop"]


class RMSprop(_SteppedOptimizer):
    """Steps divided by the root of the mean of squared gradients, with momentum; after Hinton, and Graves."""

    _OPTION_DEFAULTS = _SteppedOptimizer._OPTION_DEFAULTS | {"momentum": 0, "centered": False}

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        _check_lr(lr)
        if not 0.0 <= eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        if not 0.0 <= momentum:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if not 0.0 <= weight_decay:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if not 0.0 <= alpha:
            raise ValueError(f"Invalid alpha value: {alpha}")
        defaults = {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
            "weight_decay": weight_decay, "capturable": capturable, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _begin(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        state = {"step": _counter(), "square_avg": _zeros_like(param)}
        if group["momentum"] > 0:
            state["momentum_buffer"] = _zeros_like(param)
        if group["centered"]:
            state["grad_avg"] = _zeros_like(param)
        return state

    def _step_group(self, group: dict[str, Any], begin: Callable[[Tensor], dict[str, Any]]) -> None:
        _C.optim.rmsprop(
            group["params"], self.state, begin, group["differentiable"], _number(group["lr"]), group["alpha"],
            group["eps"], group["momentum"], group["weight_decay"], group["centered"], group["maximize"],
        )  # fmt: skip
