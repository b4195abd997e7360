"""Adam of the rows that a gradient touches."""

from __future__ import annotations

import math
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.autograd.grad_mode import no_grad
from tenon.optim.optimizer import (
    Closure,
    Optimizer,
    ParamsT,
    _check_betas,
    _evaluated,
    _number,
    _zeros_like,
)

__all__ = ["SparseAdam"]


class SparseAdam(Optimizer):
    """Adam that leaves the rows of a parameter, and their means, alone where the gradient is zero.

    Gradients of Tenon are dense, those of sparse embeddings too: the rows that are not all zero are the touched ones.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not 0.0 < lr:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not 0.0 < eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        _check_betas(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        complex_params = [
            [index, d_index]
            for index, group in enumerate(self.param_groups)
            for d_index, param in enumerate(group["params"])
            if param.is_complex()
        ]
        if complex_params:
            raise ValueError(
                f"Complex params at indices {complex_params}: SparseAdam does not support complex parameters"
            )

    @no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        """Updates the parameters by their gradients; a closure computes these and the loss again."""
        loss = _evaluated(closure)
        for group in self.param_groups:
            for param in group["params"]:
                grad = param.grad
                if grad is None:
                    continue
                state = self.state[param]
                if len(state) == 0:
                    state["step"] = 0
                    state["exp_avg"] = _zeros_like(param)
                    state["exp_avg_sq"] = _zeros_like(param)
                state["step"] += 1
                self._step_rows(group, param, grad, state)
        return loss

    @staticmethod
    def _step_rows(group: dict[str, Any], param: Tensor, grad: Tensor, state: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        touched = grad.reshape(grad.shape[0], -1) if grad.dim() > 1 else grad.reshape(-1, 1)
        rows = _C.functions["nonzero"](touched.ne(0).any(1)).reshape(-1)
        if rows.numel() == 0:
            return
        own = grad.index_select(0, rows)
        if group["maximize"]:
            own = -own
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        old_mean, old_square = mean.index_select(0, rows), square.index_select(0, rows)
        new_mean = old_mean + (own - old_mean) * (1 - beta1)
        new_square = old_square + (own.pow(2) - old_square) * (1 - beta2)
        mean.index_copy_(0, rows, new_mean)
        square.index_copy_(0, rows, new_square)
        step = state["step"]
        size = _number(group["lr"]) * math.sqrt(1 - beta2**step) / (1 - beta1**step)
        param.index_add_(0, rows, new_mean.div_(new_square.sqrt_().add_(group["eps"])), alpha=-size)
