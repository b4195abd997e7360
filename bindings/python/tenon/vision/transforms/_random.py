"""Transforms that draw from the default generator, in torchvision's order."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import tenon
from tenon import Tensor, nn
from tenon.vision.transforms import functional as F
from tenon.vision.transforms.functional import InterpolationMode, _pair

__all__ = [
    "ColorJitter",
    "RandomAdjustSharpness",
    "RandomAffine",
    "RandomAutocontrast",
    "RandomCrop",
    "RandomEqualize",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterize",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomSolarize",
    "RandomVerticalFlip",
]


def _uniform(low: float, high: float) -> float:
    return tenon.empty(1).uniform_(float(low), float(high)).item()


def _happens(p: float) -> bool:
    return tenon.rand(1).item() < p


def _below(end: int) -> int:
    return int(tenon.randint(0, end, (1,)).item())


def _range(value: Any, name: str) -> tuple[float, ...]:
    # The range of an angle: a number is for both sides of 0.
    if isinstance(value, (int, float)):
        if value < 0:
            raise ValueError(f"If {name} is a single number, it must be positive.")
        return float(-value), float(value)
    _check_sequence(value, name, (2,))
    return tuple(float(each) for each in value)


def _check_sequence(value: Any, name: str, lengths: tuple[int, ...]) -> None:
    text = str(lengths[0]) if len(lengths) == 1 else " or ".join(map(str, lengths))
    if not isinstance(value, Sequence):
        raise TypeError(f"{name} should be a sequence of length {text}.")
    if len(value) not in lengths:
        raise ValueError(f"{name} should be a sequence of length {text}.")


class RandomCrop(nn.Module):
    """A part of the image at a random place."""

    @staticmethod
    def get_params(img: Any, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """A random top and left, with the height and width."""
        _, height, width = F.get_dimensions(img)
        th, tw = output_size
        if height < th or width < tw:
            raise ValueError(f"Required crop size {(th, tw)} is larger than input image size {(height, width)}")
        if (height, width) == (th, tw):
            return 0, 0, height, width
        top = _below(height - th + 1)
        return top, _below(width - tw + 1), th, tw

    def __init__(
        self,
        size: Any,
        padding: Any = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        super().__init__()
        self.size = tuple(_pair(size))
        self.padding, self.pad_if_needed, self.fill, self.padding_mode = padding, pad_if_needed, fill, padding_mode

    def forward(self, img: Any) -> Any:
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        _, height, width = F.get_dimensions(img)
        if self.pad_if_needed and width < self.size[1]:
            img = F.pad(img, [self.size[1] - width, 0], self.fill, self.padding_mode)
        if self.pad_if_needed and height < self.size[0]:
            img = F.pad(img, [0, self.size[0] - height], self.fill, self.padding_mode)
        return F.crop(img, *self.get_params(img, self.size))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, padding={self.padding})"


class RandomResizedCrop(nn.Module):
    """A part of random area and shape, in a given size."""

    def __init__(
        self,
        size: Any,
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: Any = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.size = _pair(size)
        if not isinstance(scale, Sequence):
            raise TypeError("Scale should be a sequence")
        if not isinstance(ratio, Sequence):
            raise TypeError("Ratio should be a sequence")
        if scale[0] > scale[1] or ratio[0] > ratio[1]:
            warnings.warn("Scale and ratio should be of kind (min, max)", stacklevel=2)
        self.scale, self.ratio, self.antialias = scale, ratio, antialias
        self.interpolation = InterpolationMode(F._mode(interpolation))

    @staticmethod
    def get_params(img: Any, scale: Sequence[float], ratio: Sequence[float]) -> tuple[int, int, int, int]:
        """A random top, left, height and width."""
        _, height, width = F.get_dimensions(img)
        least, most = tenon.log(tenon.tensor(ratio)).tolist()
        for _ in range(10):
            area = height * width * _uniform(*scale)
            shape = tenon.exp(tenon.empty(1).uniform_(least, most)).item()
            w, h = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if 0 < w <= width and 0 < h <= height:
                top = _below(height - h + 1)
                return top, _below(width - w + 1), h, w
        # The middle, as large as the shape allows.
        own = width / height
        w, h = width, height
        if own < min(ratio):
            h = round(width / min(ratio))
        elif own > max(ratio):
            w = round(height * max(ratio))
        return (height - h) // 2, (width - w) // 2, h, w

    def forward(self, img: Any) -> Any:
        part = self.get_params(img, self.scale, self.ratio)
        return F.resized_crop(img, *part, self.size, self.interpolation, self.antialias)

    def __repr__(self) -> str:
        scale, ratio = (tuple(round(value, 4) for value in values) for values in (self.scale, self.ratio))
        return (
            f"{type(self).__name__}(size={self.size}, scale={scale}, ratio={ratio}, "
            f"interpolation={self.interpolation.value}, antialias={self.antialias})"
        )


class RandomRotation(nn.Module):
    """The image turned by a random angle."""

    def __init__(
        self,
        degrees: Any,
        interpolation: Any = InterpolationMode.NEAREST,
        expand: bool = False,
        center: Any = None,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.interpolation = InterpolationMode(F._mode(interpolation))
        self.degrees = list(_range(degrees, "degrees"))
        if center is not None:
            _check_sequence(center, "center", (2,))
        if fill is not None and not isinstance(fill, (int, float, Sequence)):
            raise TypeError("Fill should be either a sequence or a number.")
        self.center, self.expand, self.fill = center, expand, 0 if fill is None else fill

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """A random angle."""
        return _uniform(*degrees)

    def forward(self, img: Any) -> Any:
        fill = _fill_of(self.fill, img)
        return F.rotate(img, self.get_params(self.degrees), self.interpolation, self.expand, self.center, fill)

    def __repr__(self) -> str:
        rest = f", center={self.center}" if self.center is not None else ""
        rest += f", fill={self.fill}" if self.fill is not None else ""
        return (
            f"{type(self).__name__}(degrees={self.degrees}, interpolation={self.interpolation.value}, "
            f"expand={self.expand}{rest})"
        )


def _fill_of(fill: Any, img: Any) -> Any:
    if not isinstance(img, Tensor):
        return fill
    channels = F.get_dimensions(img)[0]
    return [float(fill)] * channels if isinstance(fill, (int, float)) else [float(value) for value in fill]


class RandomAffine(nn.Module):
    """The image turned, moved, scaled and sheared at random."""

    def __init__(
        self,
        degrees: Any,
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: Any = None,
        interpolation: Any = InterpolationMode.NEAREST,
        fill: Any = 0,
        center: Any = None,
    ) -> None:
        super().__init__()
        self.interpolation = InterpolationMode(F._mode(interpolation))
        self.degrees = list(_range(degrees, "degrees"))
        if translate is not None:
            _check_sequence(translate, "translate", (2,))
            if not all(0.0 <= value <= 1.0 for value in translate):
                raise ValueError("translation values should be between 0 and 1")
        if scale is not None:
            _check_sequence(scale, "scale", (2,))
            if any(value <= 0 for value in scale):
                raise ValueError("scale values should be positive")
        if shear is not None and not isinstance(shear, (int, float)):
            _check_sequence(shear, "shear", (2, 4))
            shear = [float(value) for value in shear]
        elif shear is not None:
            shear = list(_range(shear, "shear"))
        if center is not None:
            _check_sequence(center, "center", (2,))
        if fill is not None and not isinstance(fill, (int, float, Sequence)):
            raise TypeError("Fill should be either a sequence or a number.")
        self.translate, self.scale, self.shear, self.center = translate, scale, shear, center
        self.fill = 0 if fill is None else fill

    @staticmethod
    def get_params(
        degrees: Sequence[float],
        translate: Sequence[float] | None,
        scale_ranges: Sequence[float] | None,
        shears: Sequence[float] | None,
        img_size: Sequence[int],
    ) -> tuple[float, tuple[int, int], float, tuple[float, float]]:
        """A random angle, translation, scale and shear, for an image of a width and height."""
        angle = _uniform(*degrees)
        moves = [float(share * size) for share, size in zip(translate or (), img_size)]
        moved = [round(_uniform(-most, most)) for most in moves] or [0, 0]
        scale = 1.0 if scale_ranges is None else _uniform(*scale_ranges)
        sheared = [0.0, 0.0]
        if shears is not None:
            sheared[0] = _uniform(shears[0], shears[1])
            if len(shears) == 4:
                sheared[1] = _uniform(shears[2], shears[3])
        return angle, (moved[0], moved[1]), scale, (sheared[0], sheared[1])

    def forward(self, img: Any) -> Any:
        _, height, width = F.get_dimensions(img)
        params = self.get_params(self.degrees, self.translate, self.scale, self.shear, [width, height])
        return F.affine(img, *params, self.interpolation, _fill_of(self.fill, img), self.center)

    def __repr__(self) -> str:
        parts = [f"degrees={self.degrees}"]
        for name in ("translate", "scale", "shear"):
            if getattr(self, name) is not None:
                parts.append(f"{name}={getattr(self, name)}")
        if self.interpolation != InterpolationMode.NEAREST:
            parts.append(f"interpolation={self.interpolation.value}")
        if self.fill != 0:
            parts.append(f"fill={self.fill}")
        if self.center is not None:
            parts.append(f"center={self.center}")
        return f"{type(self).__name__}({', '.join(parts)})"


class _Sometimes(nn.Module):
    """apply() of the image with probability p."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def apply_to(self, img: Any) -> Any:
        """What is done to the image."""
        raise NotImplementedError

    def forward(self, img: Any) -> Any:
        return self.apply_to(img) if _happens(self.p) else img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomHorizontalFlip(_Sometimes):
    """Left and right exchanged, at times."""

    def apply_to(self, img: Any) -> Any:
        return F.hflip(img)


class RandomVerticalFlip(_Sometimes):
    """Top and bottom exchanged, at times."""

    def apply_to(self, img: Any) -> Any:
        return F.vflip(img)


class RandomInvert(_Sometimes):
    """The negative, at times."""

    def apply_to(self, img: Any) -> Any:
        return F.invert(img)


class RandomAutocontrast(_Sometimes):
    """Each channel stretched to the whole range, at times."""

    def apply_to(self, img: Any) -> Any:
        return F.autocontrast(img)


class RandomEqualize(_Sometimes):
    """Each channel with all brightnesses alike often, at times."""

    def apply_to(self, img: Any) -> Any:
        return F.equalize(img)


class RandomGrayscale(_Sometimes):
    """Black and white with as many channels, at times."""

    def __init__(self, p: float = 0.1) -> None:
        super().__init__(p)

    def apply_to(self, img: Any) -> Any:
        return F.rgb_to_grayscale(img, num_output_channels=F.get_dimensions(img)[0])


class RandomPosterize(_Sometimes):
    """The uppermost bits of each channel, at times."""

    def __init__(self, bits: int, p: float = 0.5) -> None:
        super().__init__(p)
        self.bits = bits

    def apply_to(self, img: Any) -> Any:
        return F.posterize(img, self.bits)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(bits={self.bits},p={self.p})"


class RandomSolarize(_Sometimes):
    """What is bright inverted, at times."""

    def __init__(self, threshold: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.threshold = threshold

    def apply_to(self, img: Any) -> Any:
        return F.solarize(img, self.threshold)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(threshold={self.threshold},p={self.p})"


class RandomAdjustSharpness(_Sometimes):
    """Sharper or more blurred, at times."""

    def __init__(self, sharpness_factor: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def apply_to(self, img: Any) -> Any:
        return F.adjust_sharpness(img, self.sharpness_factor)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(sharpness_factor={self.sharpness_factor},p={self.p})"


class RandomPerspective(_Sometimes):
    """The image seen from a random side, at times."""

    def __init__(
        self,
        distortion_scale: float = 0.5,
        p: float = 0.5,
        interpolation: Any = InterpolationMode.BILINEAR,
        fill: Any = 0,
    ) -> None:
        super().__init__(p)
        self.distortion_scale = distortion_scale
        self.interpolation = InterpolationMode(F._mode(interpolation))
        self.fill = 0 if fill is None else fill

    @staticmethod
    def get_params(width: int, height: int, distortion_scale: float) -> tuple[list[list[int]], list[list[int]]]:
        """The corners of the image, and where they come to lie."""
        wide, high = (int(distortion_scale * (size // 2)) + 1 for size in (width, height))

        def near_end(size: int, reach: int) -> int:
            return int(tenon.randint(size - reach, size, (1,)).item())

        ends = [
            [_below(wide), _below(high)],
            [near_end(width, wide), _below(high)],
            [near_end(width, wide), near_end(height, high)],
            [_below(wide), near_end(height, high)],
        ]
        return [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], ends

    def apply_to(self, img: Any) -> Any:
        _, height, width = F.get_dimensions(img)
        starts, ends = self.get_params(width, height, self.distortion_scale)
        return F.perspective(img, starts, ends, self.interpolation, _fill_of(self.fill, img))


class ColorJitter(nn.Module):
    """Brightness, contrast, saturation and hue changed at random, in a random order."""

    def __init__(self, brightness: Any = 0, contrast: Any = 0, saturation: Any = 0, hue: Any = 0) -> None:
        super().__init__()
        self.brightness = self._bounds(brightness, "brightness")
        self.contrast = self._bounds(contrast, "contrast")
        self.saturation = self._bounds(saturation, "saturation")
        self.hue = self._bounds(hue, "hue", 0, (-0.5, 0.5))

    @staticmethod
    def _bounds(value: Any, name: str, center: float = 1, bound: tuple = (0, math.inf)) -> tuple[float, float] | None:
        if isinstance(value, (int, float)):
            if value < 0:
                raise ValueError(f"If {name} is a single number, it must be non negative.")
            low, high = center - float(value), center + float(value)
            if name != "hue":
                low = max(low, 0.0)
        elif isinstance(value, (tuple, list)) and len(value) == 2:
            low, high = float(value[0]), float(value[1])
        else:
            raise TypeError(f"{name} should be a single number or a list/tuple with length 2.")
        if not bound[0] <= low <= high <= bound[1]:
            raise ValueError(f"{name} values should be between {bound}, but got {[low, high]}.")
        return None if low == high == center else (low, high)

    @staticmethod
    def get_params(brightness: Any, contrast: Any, saturation: Any, hue: Any) -> tuple:
        """A random order of the four, and how much of each."""
        order = tenon.randperm(4)
        ranges = (brightness, contrast, saturation, hue)
        return order, *(None if bounds is None else _uniform(*bounds) for bounds in ranges)

    def forward(self, img: Any) -> Any:
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        changes = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for index in order.tolist():
            if factors[index] is not None:
                img = changes[index](img, factors[index])
        return img

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(brightness={self.brightness}, contrast={self.contrast}, "
            f"saturation={self.saturation}, hue={self.hue})"
        )
