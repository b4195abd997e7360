"""The gradients of convolutions with respect to their inputs and weights, as functions."""

from __future__ import annotations

from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.autograd import enable_grad, grad


def _gradient(dims: int, of_input: bool) -> Any:
    convolve = _C.nn_functions[f"conv{dims}d"]

    def with_respect_to(size: Any, other: Tensor, grad_output: Tensor, options: tuple) -> Tensor:
        place = _C.functions["zeros"](size, dtype=grad_output.dtype, device=grad_output.device, requires_grad=True)
        with enable_grad():
            output = convolve(*((place, other) if of_input else (other, place)), None, *options)
        return grad(output, place, grad_output)[0]

    def conv_input(
        input_size: Any,
        weight: Tensor,
        grad_output: Tensor,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        return with_respect_to(input_size, weight.detach(), grad_output, (stride, padding, dilation, groups))

    def conv_weight(
        input: Tensor,
        weight_size: Any,
        grad_output: Tensor,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        return with_respect_to(weight_size, input.detach(), grad_output, (stride, padding, dilation, groups))

    function, kind = (conv_input, "input") if of_input else (conv_weight, "weight")
    function.__name__ = function.__qualname__ = f"conv{dims}d_{kind}"
    function.__doc__ = f"The gradient of conv{dims}d with respect to its {kind}."
    return function


conv1d_input, conv2d_input, conv3d_input = (_gradient(dims, True) for dims in (1, 2, 3))
conv1d_weight, conv2d_weight, conv3d_weight = (_gradient(dims, False) for dims in (1, 2, 3))
