"""The windows of images as columns, and the images that columns of windows sum up to."""

from __future__ import annotations

from typing import Any

from tenon._C import Tensor
from tenon.nn import functional as F
from tenon.nn.modules.module import Module
from tenon.nn.modules.utils import _named

__all__ = ["Fold", "Unfold"]


class Fold(Module):
    """Sums columns of windows into images of `output_size`."""

    def __init__(
        self, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return _named(self, "output_size", "kernel_size", "dilation", "padding", "stride")


class Unfold(Module):
    """Gives the windows of images as columns."""

    def __init__(self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return _named(self, "kernel_size", "dilation", "padding", "stride")
