"""Transforms of whole samples, made of those of single images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tenon
from tenon import Tensor, nn
from tenon.utils._pytree import tree_flatten, tree_unflatten
from tenon.vision.transforms import transforms as v1
from tenon.vision.transforms._random import _below
from tenon.vision.transforms.functional import InterpolationMode, _is_pil
from tenon.vision.transforms.v2 import functional as F

__all__ = [
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "ConvertImageDtype",
    "ElasticTransform",
    "FiveCrop",
    "GaussianBlur",
    "Grayscale",
    "Identity",
    "InterpolationMode",
    "Lambda",
    "LinearTransformation",
    "Normalize",
    "PILToTensor",
    "Pad",
    "RandomAdjustSharpness",
    "RandomAffine",
    "RandomApply",
    "RandomAutocontrast",
    "RandomChoice",
    "RandomCrop",
    "RandomEqualize",
    "RandomErasing",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomInvert",
    "RandomOrder",
    "RandomPerspective",
    "RandomPosterize",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomSolarize",
    "RandomVerticalFlip",
    "Resize",
    "TenCrop",
    "ToDtype",
    "ToImage",
    "ToPILImage",
    "ToTensor",
    "Transform",
]


class Transform(nn.Module):
    """What changes the images of a sample: a subclass has `transform(image, params)`, and `make_params(images)`."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """What is drawn once for all images of a sample."""
        return {}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One image, changed."""
        raise NotImplementedError

    def forward(self, *inputs: Any) -> Any:
        """The sample with its images changed."""
        leaves, spec = tree_flatten(inputs if len(inputs) > 1 else inputs[0])
        places = [i for i, leaf in enumerate(leaves) if _is_pil(leaf)]
        if not places:
            places = [i for i, leaf in enumerate(leaves) if self._takes(leaf)][:1]
        params = self.make_params([leaves[i] for i in places])
        for i in places:
            leaves[i] = self.transform(leaves[i], params)
        return tree_unflatten(leaves, spec)

    def _takes(self, leaf: Any) -> bool:
        return isinstance(leaf, Tensor)


class _OfOne(Transform):
    # Stands before a transform of one image, and begins its draws anew for each.

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"begin": tenon.get_rng_state()}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        tenon.set_rng_state(params["begin"])
        return super(Transform, self).forward(inpt)


class CenterCrop(_OfOne, v1.CenterCrop):
    """The middle of the image."""


class ColorJitter(_OfOne, v1.ColorJitter):
    """Brightness, contrast, saturation and hue changed at random, in a random order."""


class ConvertImageDtype(_OfOne, v1.ConvertImageDtype):
    """A tensor to another dtype, scaled to what that one reaches."""


class ElasticTransform(_OfOne, v1.ElasticTransform):
    """The image as if seen through moving water: each pixel from a place nearby, neighbours from nearly the same."""


class FiveCrop(_OfOne, v1.FiveCrop):
    """The four corners and the middle, as a tuple."""


class GaussianBlur(_OfOne, v1.GaussianBlur):
    """The image convolved with a bell of random width."""


class Grayscale(_OfOne, v1.Grayscale):
    """The brightness of each pixel."""


class LinearTransformation(_OfOne, v1.LinearTransformation):
    """A tensor, flattened and less a mean, times a matrix: whitening."""


class Normalize(_OfOne, v1.Normalize):
    """(tensor - mean) / std, for each channel."""


class Pad(_OfOne, v1.Pad):
    """The image with margins."""


class RandomAdjustSharpness(_OfOne, v1.RandomAdjustSharpness):
    """Sharper or more blurred, at times."""


class RandomAffine(_OfOne, v1.RandomAffine):
    """The image turned, moved, scaled and sheared at random."""


class RandomAutocontrast(_OfOne, v1.RandomAutocontrast):
    """Each channel stretched to the whole range, at times."""


class RandomEqualize(_OfOne, v1.RandomEqualize):
    """Each channel with all brightnesses alike often, at times."""


class RandomErasing(_OfOne, v1.RandomErasing):
    """A random rectangle of a tensor replaced, at times."""


class RandomGrayscale(_OfOne, v1.RandomGrayscale):
    """Black and white with as many channels, at times."""


class RandomHorizontalFlip(_OfOne, v1.RandomHorizontalFlip):
    """Left and right exchanged, at times."""


class RandomInvert(_OfOne, v1.RandomInvert):
    """The negative, at times."""


class RandomPerspective(_OfOne, v1.RandomPerspective):
    """The image seen from a random side, at times."""


class RandomPosterize(_OfOne, v1.RandomPosterize):
    """The uppermost bits of each channel, at times."""


class RandomResizedCrop(_OfOne, v1.RandomResizedCrop):
    """A part of random area and shape, in a given size."""


class RandomRotation(_OfOne, v1.RandomRotation):
    """The image turned by a random angle."""


class RandomSolarize(_OfOne, v1.RandomSolarize):
    """What is bright inverted, at times."""


class RandomVerticalFlip(_OfOne, v1.RandomVerticalFlip):
    """Top and bottom exchanged, at times."""


class Resize(_OfOne, v1.Resize):
    """The image in another size: (height, width), or the smaller edge alone."""


class TenCrop(_OfOne, v1.TenCrop):
    """The four corners and the middle of the image and of its mirror image, as a tuple."""


class RandomCrop(_OfOne, v1.RandomCrop):
    """A part of the image at a random place."""

    @staticmethod
    def get_params(img: Any, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """A random top and left, drawn where there is a choice, with the height and width."""
        height, width = F.get_size(img)
        th, tw = output_size
        if height < th or width < tw:
            raise ValueError(f"Required crop size {(th, tw)} is larger than padded input image size {(height, width)}.")
        top = _below(height - th + 1) if height > th else 0
        return top, _below(width - tw + 1) if width > tw else 0, th, tw


class Identity(Transform):
    """The sample itself."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return inpt


class Lambda(nn.Module):
    """A function of each part of a sample that is of one of these types."""

    def __init__(self, lambd: Callable[[Any], Any], *types: type) -> None:
        super().__init__()
        self.lambd, self.types = lambd, types or (object,)

    def forward(self, *inputs: Any) -> Any:
        leaves, spec = tree_flatten(inputs if len(inputs) > 1 else inputs[0])
        return tree_unflatten([self.lambd(leaf) if isinstance(leaf, self.types) else leaf for leaf in leaves], spec)


class ToImage(Transform):
    """PIL images and arrays as tensors (channels, height, width)."""

    def _takes(self, leaf: Any) -> bool:
        return isinstance(leaf, Tensor) or type(leaf).__name__ == "ndarray"

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.to_image(inpt)


class PILToTensor(Transform):
    """PIL images as tensors of the numbers they hold."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.pil_to_tensor(inpt) if _is_pil(inpt) else inpt


class ToTensor(ToImage):
    """PIL images and arrays as tensors; bytes become 0 to 1."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return inpt if isinstance(inpt, Tensor) else F.to_tensor(inpt)


class ToPILImage(ToImage):
    """Tensors and arrays as PIL images."""

    def __init__(self, mode: str | None = None) -> None:
        super().__init__()
        self.mode = mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return inpt if _is_pil(inpt) else F.to_pil_image(inpt, self.mode)


class ToDtype(Transform):
    """Image tensors in another dtype, scaled to what that one reaches where `scale` is true."""

    def __init__(self, dtype: tenon.dtype | dict, scale: bool = False) -> None:
        super().__init__()
        if not isinstance(dtype, (dict, tenon.dtype)):
            raise ValueError(f"dtype must be a dict or a torch.dtype, got {type(dtype)} instead")
        self.dtype, self.scale = dtype, scale

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if not isinstance(inpt, Tensor):
            return inpt
        dtype = self.dtype
        if isinstance(dtype, dict):
            if Tensor not in dtype and "others" not in dtype:
                raise ValueError(f"No dtype was specified for type {type(inpt)}.")
            dtype = dtype.get(Tensor, dtype.get("others"))
        return inpt if dtype is None else F.to_dtype(inpt, dtype, self.scale)


class _Several(nn.Module):
    """Several transforms."""

    def __init__(self, transforms: Any) -> None:
        super().__init__()
        if not isinstance(transforms, (Sequence, nn.ModuleList)):
            raise TypeError("Argument transforms should be a sequence of callables")
        if not transforms:
            raise ValueError("Pass at least one transform")
        self.transforms = transforms

    def _applied(self, transforms: Any, inputs: tuple) -> Any:
        for transform in transforms:
            outputs = transform(*inputs)
            inputs = outputs if len(inputs) > 1 else (outputs,)
        return inputs if len(inputs) > 1 else inputs[0]

    def extra_repr(self) -> str:
        return "\n".join(f"    {transform}" for transform in self.transforms)


class Compose(_Several):
    """Several transforms, one after the other."""

    def forward(self, *inputs: Any) -> Any:
        return self._applied(self.transforms, inputs)


class RandomApply(_Several):
    """Several transforms, with one probability for all of them together."""

    def __init__(self, transforms: Any, p: float = 0.5) -> None:
        super().__init__(transforms)
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        self.p = p

    def forward(self, *inputs: Any) -> Any:
        return self._applied([] if tenon.rand(1).item() >= self.p else self.transforms, inputs)


class RandomChoice(_Several):
    """One transform of several."""

    def __init__(self, transforms: Any, p: Sequence[float] | None = None) -> None:
        super().__init__(transforms)
        weights = [1] * len(transforms) if p is None else list(p)
        if len(weights) != len(transforms):
            raise ValueError(f"Length of p doesn't match the number of transforms: {len(weights)} != {len(transforms)}")
        self.p = [weight / sum(weights) for weight in weights]

    def forward(self, *inputs: Any) -> Any:
        return self.transforms[int(tenon.multinomial(tenon.tensor(self.p), 1))](*inputs)


class RandomOrder(_Several):
    """Several transforms in a random order."""

    def forward(self, *inputs: Any) -> Any:
        return self._applied([self.transforms[i] for i in tenon.randperm(len(self.transforms)).tolist()], inputs)
