"""Channels as pixels of a larger image, and back."""

from __future__ import annotations

from tenon._C import Tensor
from tenon.nn import functional as F
from tenon.nn.modules.module import Module
from tenon.nn.modules.utils import _named

__all__ = ["PixelShuffle", "PixelUnshuffle"]


class PixelShuffle(Module):
    """Makes an image `upscale_factor` times as high and wide of its channels."""

    upscale_factor: int

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return _named(self, "upscale_factor")


class PixelUnshuffle(Module):
    """Makes channels of the pixels of an image, which becomes `downscale_factor` times as low and narrow."""

    downscale_factor: int

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return _named(self, "downscale_factor")
