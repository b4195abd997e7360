"""Adam of the rows that a gradient touches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.optim.optimizer import ParamsT, _check_betas, _number, _SteppedOptimizer, _zeros_like

__all__ = ["SparseAdam"]


class SparseAdam(_SteppedOptimizer):
    """Adam that leaves the rows of a parameter, and their means, alone where the gradient is zero.

    Gradients of Tenon are dense, those of sparse embeddings too: the rows that are not all zero are the touched ones.
    """

    _OPTION_DEFAULTS = {}

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

    def _begin(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        return {"step": 0, "exp_avg": _zeros_like(param), "exp_avg_sq": _zeros_like(param)}

    def _step_group(self, group: dict[str, Any], begin: Callable[[Tensor], dict[str, Any]]) -> None:
        _C.optim.sparse_adam(
            group["params"], self.state, begin, _number(group["lr"]), *group["betas"], group["eps"], group["maximize"]
        )
