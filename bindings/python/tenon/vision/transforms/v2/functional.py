"""The functions of torchvision.transforms.v2.functional, of PIL images and tensors."""

from __future__ import annotations

from typing import Any

import tenon
from tenon import Tensor
from tenon.vision.transforms._tensor_images import _greatest
from tenon.vision.transforms.functional import *  # noqa: F403
from tenon.vision.transforms.functional import __all__ as _all
from tenon.vision.transforms.functional import (
    _is_pil,
    convert_image_dtype,
    get_dimensions,
    hflip,
    pil_to_tensor,
    vflip,
)

__all__ = [
    "get_num_channels",
    "get_size",
    "horizontal_flip",
    "to_dtype",
    "to_image",
    "vertical_flip",
    *_all,
]

horizontal_flip = hflip
vertical_flip = vflip


def get_size(inpt: Any) -> list[int]:
    """The height and the width."""
    return get_dimensions(inpt)[1:]


def get_num_channels(inpt: Any) -> int:
    """The number of channels."""
    return get_dimensions(inpt)[0]


def to_image(inpt: Any) -> Tensor:
    """A PIL image, an array (height, width, channels) or a tensor as a tensor (channels, height, width)."""
    if isinstance(inpt, Tensor):
        return inpt
    if _is_pil(inpt):
        return pil_to_tensor(inpt)
    import numpy as np

    if not isinstance(inpt, np.ndarray):
        raise TypeError(
            f"Input can either be a pure Tensor, a numpy array, or a PIL image, but got {type(inpt)} instead."
        )
    return tenon.from_numpy(np.atleast_3d(inpt)).permute(2, 0, 1).contiguous()


def to_dtype(inpt: Tensor, dtype: tenon.dtype = tenon.float32, scale: bool = False) -> Tensor:
    """A tensor in another dtype, scaled to what that one reaches where `scale` is true."""
    if not scale:
        return inpt.to(dtype)
    if dtype.is_floating_point and not inpt.is_floating_point():
        # In one product, which rounds otherwise than the quotient of the functions for single images.
        return inpt.to(dtype).mul_(1.0 / _greatest(inpt.dtype))
    return convert_image_dtype(inpt, dtype)
