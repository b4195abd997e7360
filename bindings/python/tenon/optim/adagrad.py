"""Adagrad: steps divided by all gradients so far."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.optim._functional import adagrad
from tenon.optim.optimizer import ParamsT, _check_fused, _check_lr, _counter, _number, _SteppedOptimizer

__all__ = ["Adagrad", "adagrad"]


class Adagrad(_SteppedOptimizer):
    """Steps divided by the root of the sum of squared gradients; after Duchi et al."""

    _OPTION_DEFAULTS = {"foreach": None, "maximize": False, "differentiable": False, "fused": None}

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        _check_lr(lr)
        if not 0.0 <= lr_decay:
            raise ValueError(f"Invalid lr_decay value: {lr_decay}")
        if not 0.0 <= weight_decay:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if not 0.0 <= initial_accumulator_value:
            raise ValueError(f"Invalid initial_accumulator_value value: {initial_accumulator_value}")
        if not 0.0 <= eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        defaults = {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "fused": fused,
        }  # fmt: skip
        super().__init__(params, defaults)
        _check_fused(fused, foreach, differentiable)
        for group in self.param_groups:
            for param in group["params"]:
                self._begun(group, param)

    def share_memory(self) -> None:
        """Moves the sums to memory that other processes can share."""
        for param in self._all_params():
            self.state[param]["sum"].share_memory_()

    def _begin(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        begin = self.defaults["initial_accumulator_value"]
        value = complex(begin, begin) if param.is_complex() else begin
        return {
            "step": _counter(is_fused=group["fused"]),
            "sum": _C.functions["full_like"](param.detach(), value),
        }

    def _step_group(self, group: dict[str, Any], begin: Callable[[Tensor], dict[str, Any]]) -> None:
        _C.optim.adagrad(
            group["params"], self.state, begin, group["differentiable"], _number(group["lr"]), group["lr_decay"],
            group["eps"], group["weight_decay"], group["maximize"],
        )  # fmt: skip
