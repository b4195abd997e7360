"""Adafactor: mean squares kept by rows and columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.optim.optimizer import ParamsT, _counter, _number, _SteppedOptimizer, _zeros_like

__all__ = ["Adafactor"]


class Adafactor(_SteppedOptimizer):
    """Steps divided by mean squares that are estimated from those of rows and columns; after Shazeer and Stern."""

    _OPTION_DEFAULTS = {"foreach": None}

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not 0.0 <= lr:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not 0.0 >= beta2_decay:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not 0.0 <= eps[0]:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if not 0.0 <= eps[1]:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if not 1.0 <= d:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not 0.0 <= weight_decay:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        defaults = {
            "lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay,
            "foreach": foreach, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _begin(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        grad = param.grad
        assert grad is not None
        if grad.dim() < 2:
            return {"step": _counter(), "variance": _zeros_like(grad)}
        return {
            "step": _counter(),
            "row_var": grad.new_zeros([*grad.shape[:-1], 1]),
            "col_var": grad.new_zeros([*grad.shape[:-2], 1, grad.shape[-1]]),
        }

    def _step_group(self, group: dict[str, Any], begin: Callable[[Tensor], dict[str, Any]]) -> None:
        _C.optim.adafactor(
            group["params"], self.state, begin, _number(group["lr"]), group["beta2_decay"], *group["eps"],
            group["d"], group["weight_decay"], group["maximize"],
        )  # fmt: skip
