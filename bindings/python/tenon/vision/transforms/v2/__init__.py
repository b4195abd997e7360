"""The transforms of torchvision.transforms.v2: they take whole samples, and change the images in them alike.

A sample may be nested; its images are those of PIL, or, where there is none, its first tensor. There are no classes for
boxes and masks.
"""

from tenon.vision.transforms.v2 import functional
from tenon.vision.transforms.v2._transforms import *  # noqa: F403
from tenon.vision.transforms.v2._transforms import __all__ as _all

__all__ = ["functional", *_all]
