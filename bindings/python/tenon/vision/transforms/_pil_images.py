"""Image transforms of PIL images, by PIL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

_RESAMPLING = {
    "nearest": 0,
    "nearest-exact": 0,
    "lanczos": 1,
    "bilinear": 2,
    "bicubic": 3,
    "box": 4,
    "hamming": 5,
}


def check_image(image: Any) -> None:
    """Raises unless it is an image."""
    if not isinstance(image, Image.Image):
        raise TypeError(f"Unexpected type {type(image)}")


def get_dimensions(image: Any) -> list[int]:
    """Channels, height and width."""
    check_image(image)
    return [len(image.getbands()), image.height, image.width]


def _fill(image: Any, fill: Any) -> Any:
    # The colour for one of each of the image's channels.
    channels = len(image.getbands())
    fill = 0 if fill is None else fill
    if isinstance(fill, (int, float)):
        values = (fill,) * channels
    else:
        values = tuple(fill) * channels if len(fill) == 1 else tuple(fill)
        if len(values) != channels:
            raise ValueError(
                "The number of elements in 'fill' does not match the number of channels of the image "
                f"({len(values)} != {channels})"
            )
    if image.mode != "F":
        values = tuple(int(value) for value in values)
    return values if channels > 1 else values[0]


# --- where the pixels are


def hflip(image: Any) -> Any:
    """Left and right exchanged."""
    check_image(image)
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def vflip(image: Any) -> Any:
    """Top and bottom exchanged."""
    check_image(image)
    return image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)


def crop(image: Any, top: int, left: int, height: int, width: int) -> Any:
    """A part of the image; what lies outside it is 0."""
    check_image(image)
    return image.crop((left, top, left + width, top + height))


def pad(image: Any, padding: list[int], fill: Any, padding_mode: str) -> Any:
    """The image with margins at its left, top, right and bottom."""
    check_image(image)
    palette = image.getpalette() if image.mode == "P" else None
    if padding_mode == "constant":
        result = ImageOps.expand(image, border=tuple(padding), fill=_fill(image, fill))
    else:
        left, top, right, bottom = padding
        image = image.crop((max(-left, 0), max(-top, 0), image.width - max(-right, 0), image.height - max(-bottom, 0)))
        pixels = np.asarray(image)
        margins = [(max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0))] + [(0, 0)] * (pixels.ndim - 2)
        mode: Any = padding_mode
        result = Image.fromarray(np.pad(pixels, margins, mode))
    if palette is not None:
        result.putpalette(palette)
    return result


def resize(image: Any, size: list[int], interpolation: str, antialias: bool | None) -> Any:
    """The image in another height and width."""
    check_image(image)
    return image.resize((size[1], size[0]), _RESAMPLING[interpolation])


def affine(image: Any, matrix: Sequence[float], interpolation: str, fill: Any) -> Any:
    """The image whose pixels come from where the inverse matrix says."""
    check_image(image)
    kind = Image.Transform.AFFINE
    return image.transform(image.size, kind, matrix, _RESAMPLING[interpolation], fillcolor=_fill(image, fill))


def rotate(image: Any, angle: float, interpolation: str, expand: bool, center: Any, fill: Any) -> Any:
    """The image turned, on request in a frame large enough for all of it."""
    check_image(image)
    return image.rotate(angle, _RESAMPLING[interpolation], expand, center, fillcolor=_fill(image, fill))


def perspective(image: Any, coefficients: Sequence[float], interpolation: str, fill: Any) -> Any:
    """The image seen from elsewhere, by the eight coefficients of the inverse map."""
    check_image(image)
    kind = Image.Transform.PERSPECTIVE
    return image.transform(image.size, kind, coefficients, _RESAMPLING[interpolation], fillcolor=_fill(image, fill))


# --- what the pixels are


def to_grayscale(image: Any, num_output_channels: int) -> Any:
    """The brightness of each pixel."""
    check_image(image)
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    gray = image.convert("L")
    return gray if num_output_channels == 1 else Image.merge("RGB", [gray] * 3)


rgb_to_grayscale = to_grayscale


def adjust_brightness(image: Any, factor: float) -> Any:
    """0 for black, 1 for the image itself, 2 for twice as bright."""
    check_image(image)
    return ImageEnhance.Brightness(image).enhance(factor)


def adjust_contrast(image: Any, factor: float) -> Any:
    """0 for plain gray, 1 for the image itself."""
    check_image(image)
    return ImageEnhance.Contrast(image).enhance(factor)


def adjust_saturation(image: Any, factor: float) -> Any:
    """0 for black and white, 1 for the image itself."""
    check_image(image)
    return ImageEnhance.Color(image).enhance(factor)


def adjust_sharpness(image: Any, factor: float) -> Any:
    """0 for a blurred image, 1 for the image itself, 2 for a sharper one."""
    check_image(image)
    return ImageEnhance.Sharpness(image).enhance(factor)


def adjust_hue(image: Any, factor: float) -> Any:
    """The colours turned round their circle, by a share of it between -0.5 and 0.5."""
    check_image(image)
    if image.mode in ("L", "1", "I", "F"):
        return image
    hue, saturation, value = image.convert("HSV").split()
    turned = (np.asarray(hue).astype(np.int64) + int(factor * 255)) % 256
    hue = Image.fromarray(turned.astype(np.uint8))
    return Image.merge("HSV", (hue, saturation, value)).convert(image.mode)


def adjust_gamma(image: Any, gamma: float, gain: float) -> Any:
    """gain * image ** gamma, of an image between 0 and 1."""
    check_image(image)
    table = [int((255 + 1 - 1e-3) * gain * pow(value / 255.0, gamma)) for value in range(256)] * 3
    return image.convert("RGB").point(table).convert(image.mode)


def invert(image: Any) -> Any:
    """The negative."""
    check_image(image)
    return ImageOps.invert(image)


def posterize(image: Any, bits: int) -> Any:
    """The uppermost bits of each channel."""
    check_image(image)
    return ImageOps.posterize(image, bits)


def solarize(image: Any, threshold: float) -> Any:
    """What is bright inverted."""
    check_image(image)
    return ImageOps.solarize(image, int(threshold))


def autocontrast(image: Any) -> Any:
    """Each channel stretched to the whole range."""
    check_image(image)
    return ImageOps.autocontrast(image)


def equalize(image: Any) -> Any:
    """Each channel with all brightnesses alike often."""
    check_image(image)
    return ImageOps.equalize(image)
