"""Stepping other tensors than an optimizer's own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tenon._C import Tensor, TensorError
from tenon.optim.optimizer import Optimizer

__all__ = ["swap_in_optimizer_params_and_state"]

_NAME = "swap_in_optimizer_params_and_state"


def _check_state(state: Any) -> dict[Any, Any]:
    if not isinstance(state, dict):
        raise TensorError(f"{_NAME}: the state must be a dict by number of the parameter, got {type(state).__name__}")
    if any(isinstance(key, Tensor) for key in state):
        raise TensorError(f"{_NAME}: the state must be that of state_dict(), by numbers and not by tensors")
    if any(isinstance(key, int) and not isinstance(own, dict) for key, own in state.items()):
        raise TensorError(f"{_NAME}: the state of each parameter must be a dict")
    return state


def _check_group(index: int, group: dict[str, Any], other: Any) -> list[int]:
    if not isinstance(other, dict):
        raise TensorError(f"{_NAME}: param group {index} must be a dict, got {type(other).__name__}")
    numbers = other.get("params")
    if not isinstance(numbers, list) or not all(isinstance(number, int) for number in numbers):
        raise TensorError(f"{_NAME}: 'params' of param group {index} must be the numbers that state_dict() gives")
    if len(numbers) != len(group["params"]):
        raise TensorError(
            f"{_NAME}: param group {index} has {len(numbers)} params, the optimizer's has {len(group['params'])}"
        )
    if set(group) != set(other):
        raise TensorError(
            f"{_NAME}: the options of param group {index} differ from the optimizer's in "
            f"{sorted(set(group) ^ set(other))}"
        )
    return numbers


@contextmanager
def swap_in_optimizer_params_and_state(
    optimizer: Optimizer, swapin_parameters: dict[str, Tensor], swapin_optim_state: dict[str, Any]
) -> Iterator[None]:
    """Within it the optimizer has these parameters, in its own order, and the state of such a state dict."""
    if not optimizer.state:
        raise TensorError(f"{_NAME}: the optimizer has no state yet")
    if not isinstance(swapin_optim_state, dict):
        raise TensorError(f"{_NAME}: a state dict of an optimizer is needed, got {type(swapin_optim_state).__name__}")
    states = _check_state(swapin_optim_state.get("state"))
    groups = swapin_optim_state.get("param_groups")
    if not isinstance(groups, list) or len(groups) != len(optimizer.param_groups):
        raise TensorError(f"{_NAME}: {len(optimizer.param_groups)} param groups are needed")
    numbers = [_check_group(i, own, other) for i, (own, other) in enumerate(zip(optimizer.param_groups, groups))]
    params = list(swapin_parameters.values())
    if sum(map(len, numbers)) > len(params):
        raise TensorError(f"{_NAME}: {sum(map(len, numbers))} parameters are needed, got {len(params)}")
    unknown = [key for key in states if not any(key in own for own in numbers)]
    if unknown:
        raise TensorError(f"{_NAME}: states {unknown} belong to no parameter of the param groups")

    state_before, groups_before = optimizer.state, [dict(group) for group in optimizer.param_groups]
    try:
        swapped: defaultdict[Any, Any] = defaultdict(dict)
        begin = 0
        for group, other, own in zip(optimizer.param_groups, groups, numbers):
            group.update(other)
            group["params"] = params[begin : begin + len(own)]
            begin += len(own)
            for param, number in zip(group["params"], own):
                swapped[param] = dict(states.get(number, {}))
        optimizer.state = swapped
        yield
    finally:
        for group, before in zip(optimizer.param_groups, groups_before):
            group.clear()
            group.update(before)
        optimizer.state = state_before
