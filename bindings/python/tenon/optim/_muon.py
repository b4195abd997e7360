"""Muon: steps by orthogonalized momentum."""

from __future__ import annotations

import math
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.autograd.grad_mode import no_grad
from tenon.optim.optimizer import Closure, Optimizer, ParamsT, _evaluated, _number, _zeros_like

__all__ = ["Muon"]


def _adjust_lr(lr: float, adjust_lr_fn: str | None, shape: _C.Size) -> float:
    rows, columns = shape[:2]
    if adjust_lr_fn == "match_rms_adamw":
        return lr * (0.2 * math.sqrt(max(rows, columns)))
    return lr * math.sqrt(max(1, rows / columns))


class Muon(Optimizer):
    """Steps of matrices by their momentum with all singular values near one; after Jordan et al."""

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not 0.0 <= lr:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not 0.0 <= momentum:
            raise ValueError(f"momentum should be >= 0 but is: {momentum}")
        if not 0.0 <= weight_decay:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn is not None and adjust_lr_fn not in ("original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = {
            "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
            "ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps, "adjust_lr_fn": adjust_lr_fn,
        }  # fmt: skip
        super().__init__(params, defaults)
        for param in self._all_params():
            if param.ndim != 2:
                raise ValueError(
                    f"Muon only supports 2D parameters whereas we found a parameter with size: {param.size()}"
                )

    @no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        """Updates the parameters by their gradients; a closure computes these and the loss again."""
        loss = _evaluated(closure)
        for group in self.param_groups:
            lr = _number(group["lr"])
            if group["ns_steps"] >= 100:
                raise ValueError("Number of steps must be less than 100 for computational efficiency")
            if len(group["ns_coefficients"]) != 3:
                raise ValueError("Coefficients must be a tuple of exactly 3 values")
            for param in group["params"]:
                grad = param.grad
                if grad is None:
                    continue
                if param.is_complex():
                    raise RuntimeError("Muon does not support complex parameters")
                state = self.state[param]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = _zeros_like(grad)
                _C.optim.muon(
                    param, grad, state["momentum_buffer"], lr, _adjust_lr(lr, group["adjust_lr_fn"], param.shape),
                    group["weight_decay"], group["momentum"], group["nesterov"], list(group["ns_coefficients"]),
                    group["eps"], group["ns_steps"],
                )  # fmt: skip
        return loss
