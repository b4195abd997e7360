"""Adam."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.optim._functional import adam
from tenon.optim.optimizer import (
    ParamsT,
    _check_betas,
    _check_fused,
    _counter,
    _number,
    _SteppedOptimizer,
    _to_scalar,
    _zeros_like,
)

__all__ = ["Adam", "adam"]


def _check_tensor_option(value: Any, name: str, numel_name: str, foreach: bool | None, capturable: bool) -> None:
    if not isinstance(value, Tensor):
        return
    if foreach and not capturable:
        raise ValueError(f"{name} as a Tensor is not supported for capturable=False and foreach=True")
    if value.numel() != 1:
        raise ValueError(f"Tensor {numel_name} must be 1-element")


class Adam(_SteppedOptimizer):
    """Steps by means of the gradient, divided by means of its square; after Kingma and Ba."""

    _OPTION_DEFAULTS = {
        "amsgrad": False, "maximize": False, "foreach": None, "capturable": False, "differentiable": False,
        "decoupled_weight_decay": False, "fused": None,
    }  # fmt: skip

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        _check_tensor_option(lr, "lr", "lr", foreach, capturable)
        if not 0.0 <= lr:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not 0.0 <= eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        _check_betas(betas)
        if not 0.0 <= weight_decay:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if not (all(isinstance(beta, float) for beta in betas) or all(isinstance(beta, Tensor) for beta in betas)):
            raise ValueError("betas must be either both floats or both Tensors")
        for i, beta in enumerate(betas):
            _check_tensor_option(beta, f"betas[{i}]", f"betas[{i}]", foreach, capturable)
        defaults = {
            "lr": lr, "betas": tuple(map(_to_scalar, betas)), "eps": eps, "weight_decay": weight_decay,
            "amsgrad": amsgrad, "maximize": maximize, "foreach": foreach, "capturable": capturable,
            "differentiable": differentiable, "fused": fused, "decoupled_weight_decay": decoupled_weight_decay,
        }  # fmt: skip
        super().__init__(params, defaults)
        _check_fused(fused, foreach, differentiable)

    def _begin(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        state = {
            "step": _counter(is_fused=group["fused"]),
            "exp_avg": _zeros_like(param),
            "exp_avg_sq": _zeros_like(param),
        }
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = _zeros_like(param)
        return state

    def _step_group(self, group: dict[str, Any], begin: Callable[[Tensor], dict[str, Any]]) -> None:
        beta1, beta2 = group["betas"]
        _C.optim.adam(
            group["params"], self.state, begin, group["differentiable"], _number(group["lr"]), _number(beta1),
            _number(beta2), group["eps"], group["weight_decay"], group["amsgrad"], group["maximize"],
            group["decoupled_weight_decay"],
        )  # fmt: skip
