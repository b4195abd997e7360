"""Transforms of images, PIL's and tensors, under torchvision's names."""

from tenon.vision.transforms import functional
from tenon.vision.transforms.transforms import *  # noqa: F403
from tenon.vision.transforms.transforms import __all__ as _all

__all__ = ["functional", *_all]
