"""Pictures of tensors: grids of images, and files of them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, BinaryIO

import tenon
from tenon import Tensor

__all__ = ["make_grid", "save_image"]


def _scaled(image: Tensor, low: float, high: float) -> Tensor:
    return image.clamp(low, high).sub_(low).div_(max(high - low, 1e-5))


@tenon.no_grad()
def make_grid(
    tensor: Any,
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[int, int] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """Images (count, channels, height, width), or a list of them, as one, `nrow` of them in a row."""
    if not isinstance(tensor, Tensor):
        if not isinstance(tensor, list):
            raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
        for each in tensor:
            if not isinstance(each, Tensor):
                raise TypeError(f"tensor or list of tensors expected, got a list containing {type(each)}")
        tensor = tenon.stack(tensor)
    if tensor.ndim == 2:
        tensor = tensor[None]
    if tensor.ndim == 3:
        tensor = (tensor.expand(3, -1, -1) if len(tensor) == 1 else tensor)[None]
    if tensor.shape[1] == 1:
        tensor = tensor.expand(-1, 3, -1, -1)
    if normalize:
        if value_range is not None and not isinstance(value_range, tuple):
            raise TypeError("value_range has to be a tuple (min, max) if specified. min and max are numbers")

        def scaled(part: Tensor) -> Tensor:
            low, high = value_range or (part.min().item(), part.max().item())
            return _scaled(part, low, high)

        tensor = tenon.stack([scaled(each) for each in tensor]) if scale_each else scaled(tensor)
    count, channels, height, width = tensor.shape
    if count == 1:
        return tensor[0]
    columns = min(nrow, count)
    rows = math.ceil(count / columns)
    height, width = height + padding, width + padding
    grid = tenon.full((channels, rows * height + padding, columns * width + padding), pad_value, dtype=tensor.dtype)
    for index, image in enumerate(tensor):
        top, left = index // columns * height + padding, index % columns * width + padding
        grid[:, top : top + height - padding, left : left + width - padding] = image
    return grid


@tenon.no_grad()
def save_image(tensor: Any, fp: str | Path | BinaryIO, format: str | None = None, **kwargs: Any) -> None:
    """Writes an image, or a grid of several, to a file; needs PIL."""
    from PIL import Image

    grid = make_grid(tensor, **kwargs)
    pixels = grid.mul(255).add_(0.5).clamp_(0, 255).permute(1, 2, 0).to("cpu", tenon.uint8).numpy()
    Image.fromarray(pixels).save(fp, format=format)
