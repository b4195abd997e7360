"""The gradients of convolutions for their input and for their weight, as functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.autograd import grad
from tenon.autograd.grad_mode import enable_grad

_Convolution = Callable[..., Tensor]


def _input_gradient(kind: str) -> _Convolution:
    convolve = _C.nn_functions[kind]

    def gradient(
        input_size: Any,
        weight: Tensor,
        grad_output: Tensor,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        # Convolutions are linear, so any input serves.
        with enable_grad():
            input = grad_output.new_zeros(input_size).requires_grad_()
            output = convolve(input, weight.detach(), None, stride, padding, dilation, groups)
        return grad(output, input, grad_output)[0]

    gradient.__name__ = gradient.__qualname__ = f"{kind}_input"
    gradient.__doc__ = f"The gradient of {kind} for its input."
    return gradient


def _weight_gradient(kind: str) -> _Convolution:
    convolve = _C.nn_functions[kind]

    def gradient(
        input: Tensor,
        weight_size: Any,
        grad_output: Tensor,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        with enable_grad():
            weight = grad_output.new_zeros(weight_size).requires_grad_()
            output = convolve(input.detach(), weight, None, stride, padding, dilation, groups)
        return grad(output, weight, grad_output)[0]

    gradient.__name__ = gradient.__qualname__ = f"{kind}_weight"
    gradient.__doc__ = f"The gradient of {kind} for its weight."
    return gradient


conv1d_input, conv1d_weight = _input_gradient("conv1d"), _weight_gradient("conv1d")
conv2d_input, conv2d_weight = _input_gradient("conv2d"), _weight_gradient("conv2d")
conv3d_input, conv3d_weight = _input_gradient("conv3d"), _weight_gradient("conv3d")
