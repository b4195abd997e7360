"""Automatic differentiation: backward, grad, gradient modes and custom functions."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon._lazy import lazy_attributes
from tenon.autograd import function, grad_mode, graph, variable
from tenon.autograd.anomaly_mode import detect_anomaly, set_anomaly_enabled
from tenon.autograd.anomaly_mode import set_anomaly_enabled as set_detect_anomaly
from tenon.autograd.function import Function
from tenon.autograd.grad_mode import (
    enable_grad,
    inference_mode,
    no_grad,
    set_grad_enabled,
    set_multithreading_enabled,
)
from tenon.autograd.gradcheck import gradcheck, gradgradcheck
from tenon.autograd.variable import Variable

__getattr__ = lazy_attributes("tenon.autograd", {"forward_ad": "forward_ad", "functional": "functional"})

__all__ = [
    "Function",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "function",
    "functional",
    "grad",
    "grad_mode",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "no_grad",
    "set_anomaly_enabled",
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_multithreading_enabled",
    "variable",
]


def _tuple(tensors: Tensor | Sequence[Any] | None) -> tuple | None:
    if tensors is None:
        return None
    return (tensors,) if isinstance(tensors, Tensor) else tuple(tensors)


def _inputs(inputs: Any, what: str) -> tuple | None:
    if isinstance(inputs, Mapping):
        if type(inputs) is not dict:
            raise TypeError(
                f"`inputs` argument to `{what}()` must be a dict, not {type(inputs).__name__}. Other Mapping types are "
                "not supported."
            )
        return tuple(inputs.values())
    return _tuple(inputs)


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Tensor | Sequence[Tensor | None] | None = None,
    inputs: Tensor | Sequence[Tensor] | dict[str, Tensor] | None = None,
) -> None:
    """Accumulates the gradients of `tensors` into the leaves, or only into `inputs` where given."""
    if grad_variables is not None:
        warnings.warn(
            "`grad_variables` is deprecated. Use `grad_tensors` instead.", category=FutureWarning, stacklevel=2
        )
        if grad_tensors is not None:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. Please only "
                "use `grad_tensors`."
            )
        grad_tensors = grad_variables
    wanted = _inputs(inputs, "backward")
    if wanted is not None and not wanted:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    _C._backward(_tuple(tensors), _tuple(grad_tensors), retain_graph, create_graph, wanted)


def _grad_of_batch(
    outputs: tuple,
    inputs: tuple,
    starts: tuple | None,
    retain_graph: bool | None,
    create_graph: bool,
    allow_unused: bool | None,
    materialize_grads: bool,
) -> tuple[Tensor | None, ...]:
    """The gradients from each of a batch of starts, which is dim 0 of `starts`."""
    if starts is None or any(start is None for start in starts):
        raise RuntimeError("grad: is_grads_batched=True needs a batch of grad_outputs for each output")
    sizes = {start.shape[0] if start.dim() else 0 for start in starts}
    if len(sizes) != 1 or 0 in sizes:
        raise RuntimeError(f"grad: batches of grad_outputs must have one size, and not none, got {sorted(sizes)}")
    size = sizes.pop()
    rows = []
    for i in range(size):
        keep = retain_graph if i == size - 1 else True
        own = [start[i] for start in starts]
        rows.append(grad(outputs, inputs, own, keep, create_graph, True, allow_unused, False, materialize_grads))
    stack = _C.functions["stack"]
    return tuple(None if grads[0] is None else stack(list(grads)) for grads in zip(*rows))


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor] | dict[str, Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> Any:
    """The gradients of `outputs` with respect to `inputs`, without touching any .grad; a dict where `inputs` is one."""
    if isinstance(inputs, Mapping):
        options = (retain_graph, create_graph, only_inputs, allow_unused, is_grads_batched, materialize_grads)
        return dict(zip(inputs, grad(outputs, _inputs(inputs, "grad"), grad_outputs, *options)))
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    if not only_inputs:
        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To accumulate gradient for "
            "other parts of the graph, please use torch.autograd.backward.",
            FutureWarning,
            stacklevel=2,
        )
    if is_grads_batched:
        return _grad_of_batch(
            _tuple(outputs), _tuple(inputs), _tuple(grad_outputs), retain_graph, create_graph, allow_unused,
            materialize_grads,
        )  # fmt: skip
    return _C._grad(
        _tuple(outputs),
        _tuple(inputs),
        _tuple(grad_outputs),
        retain_graph,
        create_graph,
        bool(allow_unused) or materialize_grads,
        materialize_grads,
    )


grad = _C._overridable(grad)
