"""The steps of the optimizers as functions of lists: parameters, their gradients and their states, which are updated.

`foreach`, `fused`, `capturable`, `has_complex` and `has_sparse_grad` are accepted: there is one step, fused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.optim.optimizer import _number

__all__ = [
    "adadelta",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "asgd",
    "nadam",
    "radam",
    "rmsprop",
    "rprop",
    "sgd",
]

Tensors = list[Tensor]


def _stepped(
    step: Callable[..., None],
    params: Tensors,
    grads: Tensors,
    states: dict[str, Any],
    differentiable: bool,
    numbers: tuple,
    scaled: tuple[Any, Any] = (None, None),
) -> list[dict[str, Any]]:
    """Steps parameters, seen without their graphs, by these gradients; `states` are lists by name."""
    if differentiable:
        raise NotImplementedError(
            f"{step.__name__}: steps of lists cannot be differentiated; use the optimizer with differentiable=True"
        )
    if any(each is not None for each in scaled):
        raise AssertionError("Expected grad_scale and found_inf to be None")
    if not all(isinstance(count, Tensor) for count in states.get("step", ())):
        raise RuntimeError("API has changed, `state_steps` argument must contain a list of singleton tensors")
    seen = [param.detach() for param in params]
    for param, grad in zip(seen, grads):
        param.grad = grad
    own = [dict(zip(states, values)) for values in zip(*states.values())] if states else [{} for _ in seen]
    by_param = dict(zip(seen, own))
    step(seen, by_param, by_param.__getitem__, False, *numbers)
    return own


def adadelta(
    params: Tensors,
    grads: Tensors,
    square_avgs: Tensors,
    acc_deltas: Tensors,
    state_steps: Tensors,
    capturable: bool = False,
    foreach: bool | None = None,
    differentiable: bool = False,
    has_complex: bool = False,
    *,
    lr: float,
    rho: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """A step of Adadelta."""
    states = {"square_avg": square_avgs, "acc_delta": acc_deltas, "step": state_steps}
    numbers = (_number(lr), rho, eps, weight_decay, maximize)
    _stepped(_C.optim.adadelta, params, grads, states, differentiable, numbers)


def adagrad(
    params: Tensors,
    grads: Tensors,
    state_sums: Tensors,
    state_steps: Tensors,
    fused: bool | None = None,
    grad_scale: Tensor | None = None,
    found_inf: Tensor | None = None,
    has_sparse_grad: bool = False,
    foreach: bool | None = None,
    differentiable: bool = False,
    has_complex: bool = False,
    *,
    lr: float,
    weight_decay: float,
    lr_decay: float,
    eps: float,
    maximize: bool,
) -> None:
    """A step of Adagrad."""
    states = {"sum": state_sums, "step": state_steps}
    numbers = (_number(lr), lr_decay, eps, weight_decay, maximize)
    _stepped(_C.optim.adagrad, params, grads, states, differentiable, numbers, (grad_scale, found_inf))


def adam(
    params: Tensors,
    grads: Tensors,
    exp_avgs: Tensors,
    exp_avg_sqs: Tensors,
    max_exp_avg_sqs: Tensors,
    state_steps: Tensors,
    foreach: bool | None = None,
    capturable: bool = False,
    differentiable: bool = False,
    fused: bool | None = None,
    grad_scale: Tensor | None = None,
    found_inf: Tensor | None = None,
    has_complex: bool = False,
    decoupled_weight_decay: bool = False,
    *,
    amsgrad: bool,
    beta1: float | Tensor,
    beta2: float | Tensor,
    lr: float | Tensor,
    weight_decay: float,
    eps: float,
    maximize: bool,
) -> None:
    """A step of Adam."""
    states = {"exp_avg": exp_avgs, "exp_avg_sq": exp_avg_sqs, "step": state_steps}
    if amsgrad:
        states["max_exp_avg_sq"] = max_exp_avg_sqs
    numbers = (
        _number(lr),
        _number(beta1),
        _number(beta2),
        eps,
        weight_decay,
        amsgrad,
        maximize,
        decoupled_weight_decay,
    )
    _stepped(_C.optim.adam, params, grads, states, differentiable, numbers, (grad_scale, found_inf))


def adamw(
    params: Tensors,
    grads: Tensors,
    exp_avgs: Tensors,
    exp_avg_sqs: Tensors,
    max_exp_avg_sqs: Tensors,
    state_steps: Tensors,
    foreach: bool | None = None,
    capturable: bool = False,
    differentiable: bool = False,
    fused: bool | None = None,
    grad_scale: Tensor | None = None,
    found_inf: Tensor | None = None,
    has_complex: bool = False,
    *,
    amsgrad: bool,
    beta1: float | Tensor,
    beta2: float | Tensor,
    lr: float | Tensor,
    weight_decay: float,
    eps: float,
    maximize: bool,
) -> None:
    """A step of AdamW."""
    states = {"exp_avg": exp_avgs, "exp_avg_sq": exp_avg_sqs, "step": state_steps}
    if amsgrad:
        states["max_exp_avg_sq"] = max_exp_avg_sqs
    betas = _number(beta1), _number(beta2)
    numbers = (_number(lr), *betas, eps, weight_decay, amsgrad, maximize, True)
    _stepped(_C.optim.adam, params, grads, states, differentiable, numbers, (grad_scale, found_inf))


def adamax(
    params: Tensors,
    grads: Tensors,
    exp_avgs: Tensors,
    exp_infs: Tensors,
    state_steps: Tensors,
    foreach: bool | None = None,
    maximize: bool = False,
    differentiable: bool = False,
    capturable: bool = False,
    has_complex: bool = False,
    *,
    eps: float,
    beta1: float,
    beta2: float,
    lr: float,
    weight_decay: float,
) -> None:
    """A step of Adamax."""
    states = {"exp_avg": exp_avgs, "exp_inf": exp_infs, "step": state_steps}
    numbers = (_number(lr), beta1, beta2, eps, weight_decay, maximize)
    _stepped(_C.optim.adamax, params, grads, states, differentiable, numbers)


def nadam(
    params: Tensors,
    grads: Tensors,
    exp_avgs: Tensors,
    exp_avg_sqs: Tensors,
    mu_products: Tensors,
    state_steps: Tensors,
    decoupled_weight_decay: bool = False,
    foreach: bool | None = None,
    capturable: bool = False,
    differentiable: bool = False,
    has_complex: bool = False,
    maximize: bool = False,
    *,
    beta1: float,
    beta2: float,
    lr: float,
    weight_decay: float,
    momentum_decay: float,
    eps: float,
) -> None:
    """A step of NAdam."""
    states = {"exp_avg": exp_avgs, "exp_avg_sq": exp_avg_sqs, "mu_product": mu_products, "step": state_steps}
    numbers = (_number(lr), beta1, beta2, eps, weight_decay, momentum_decay, decoupled_weight_decay, maximize)
    _stepped(_C.optim.nadam, params, grads, states, differentiable, numbers)


def radam(
    params: Tensors,
    grads: Tensors,
    exp_avgs: Tensors,
    exp_avg_sqs: Tensors,
    state_steps: Tensors,
    decoupled_weight_decay: bool = False,
    foreach: bool | None = None,
    differentiable: bool = False,
    capturable: bool = False,
    has_complex: bool = False,
    maximize: bool = False,
    *,
    beta1: float,
    beta2: float,
    lr: float,
    weight_decay: float,
    eps: float,
) -> None:
    """A step of RAdam."""
    states = {"exp_avg": exp_avgs, "exp_avg_sq": exp_avg_sqs, "step": state_steps}
    numbers = (_number(lr), beta1, beta2, eps, weight_decay, decoupled_weight_decay, maximize)
    _stepped(_C.optim.radam, params, grads, states, differentiable, numbers)


def rmsprop(
    params: Tensors,
    grads: Tensors,
    square_avgs: Tensors,
    grad_avgs: Tensors,
    momentum_buffer_list: Tensors,
    state_steps: Tensors,
    foreach: bool | None = None,
    maximize: bool = False,
    differentiable: bool = False,
    capturable: bool = False,
    has_complex: bool = False,
    *,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
    centered: bool,
) -> None:
    """A step of RMSprop."""
    states = {"square_avg": square_avgs, "step": state_steps}
    if momentum > 0:
        states["momentum_buffer"] = momentum_buffer_list
    if centered:
        states["grad_avg"] = grad_avgs
    numbers = (_number(lr), alpha, eps, momentum, weight_decay, centered, maximize)
    _stepped(_C.optim.rmsprop, params, grads, states, differentiable, numbers)


def rprop(
    params: Tensors,
    grads: Tensors,
    prevs: Tensors,
    step_sizes: Tensors,
    state_steps: Tensors,
    foreach: bool | None = None,
    capturable: bool = False,
    maximize: bool = False,
    differentiable: bool = False,
    has_complex: bool = False,
    *,
    step_size_min: float,
    step_size_max: float,
    etaminus: float,
    etaplus: float,
) -> None:
    """A step of Rprop."""
    states = {"prev": prevs, "step_size": step_sizes, "step": state_steps}
    numbers = (etaminus, etaplus, step_size_min, step_size_max, maximize)
    _stepped(_C.optim.rprop, params, grads, states, differentiable, numbers)


def asgd(
    params: Tensors,
    grads: Tensors,
    axs: Tensors,
    mus: Tensors,
    etas: Tensors,
    state_steps: Tensors,
    foreach: bool | None = None,
    maximize: bool = False,
    differentiable: bool = False,
    capturable: bool = False,
    has_complex: bool = False,
    *,
    lambd: float,
    lr: float,
    t0: float,
    alpha: float,
    weight_decay: float,
) -> None:
    """A step of averaged stochastic gradient descent."""
    states = {"ax": axs, "mu": mus, "eta": etas, "step": state_steps}
    numbers = (_number(lr), lambd, alpha, t0, weight_decay, maximize)
    _stepped(_C.optim.asgd, params, grads, states, differentiable, numbers)


def sgd(
    params: Tensors,
    d_p_list: Tensors,
    momentum_buffer_list: list[Tensor | None],
    has_sparse_grad: bool = False,
    foreach: bool | None = None,
    fused: bool | None = None,
    grad_scale: Tensor | None = None,
    found_inf: Tensor | None = None,
    *,
    weight_decay: float,
    momentum: float,
    lr: float,
    dampening: float,
    nesterov: bool,
    maximize: bool,
) -> None:
    """A step of stochastic gradient descent; momenta that are None begin with it."""
    begun = bool(momentum_buffer_list) and all(buffer is not None for buffer in momentum_buffer_list)
    if momentum and not begun and any(buffer is not None for buffer in momentum_buffer_list):
        for i, (param, grad) in enumerate(zip(params, d_p_list)):
            one = [momentum_buffer_list[i]]
            sgd(
                [param], [grad], one, weight_decay=weight_decay, momentum=momentum, lr=lr, dampening=dampening,
                nesterov=nesterov, maximize=maximize,
            )  # fmt: skip
            momentum_buffer_list[i] = one[0]
        return
    states = {"momentum_buffer": momentum_buffer_list} if momentum and begun else {}
    numbers = (_number(lr), momentum, dampening, _number(weight_decay), nesterov, maximize)
    stepped = _stepped(_C.optim.sgd, params, d_p_list, states, False, numbers, (grad_scale, found_inf))
    if momentum:
        momentum_buffer_list[:] = [state["momentum_buffer"] for state in stepped]
