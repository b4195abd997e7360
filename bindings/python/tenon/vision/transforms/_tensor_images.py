"""Image transforms of tensors of shape (..., channels, height, width)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tenon
import tenon.nn.functional as F
from tenon import Tensor

# What images of these dtypes reach, which is 1 for floating point.
_GREATEST = {tenon.bool: 1, tenon.uint16: 65535} | {
    dtype: tenon.iinfo(dtype).max for dtype in (tenon.uint8, tenon.int8, tenon.int16, tenon.int32, tenon.int64)
}


def _greatest(dtype: tenon.dtype) -> int:
    return _GREATEST.get(dtype, 1)


def check_image(image: Tensor) -> None:
    """Raises unless the tensor has at least height and width."""
    if image.ndim < 2:
        raise TypeError("Tensor is not a torch image.")


def _check_channels(image: Tensor, permitted: tuple[int, ...] = (1, 3)) -> None:
    found = get_dimensions(image)[0]
    if found not in permitted:
        raise TypeError(f"Input image tensor permitted channel values are {list(permitted)}, but found {found}")


def _check_color(image: Tensor) -> None:
    if image.ndim < 3:
        raise TypeError(f"Input image tensor should have at least 3 dimensions, but found {image.ndim}")
    _check_channels(image)


def get_dimensions(image: Tensor) -> list[int]:
    """Channels, height and width."""
    check_image(image)
    return [1 if image.ndim == 2 else image.shape[-3], *image.shape[-2:]]


def _computed(image: Tensor, dtype: tenon.dtype | None, compute: Any) -> Tensor:
    """compute() of the image as a batch in `dtype` (None for any floating one); the result as the image was."""
    batch = image if image.ndim >= 4 else image.unsqueeze(0)
    if dtype is None:
        dtype = image.dtype if image.dtype in (tenon.float32, tenon.float64) else tenon.float32
    result = compute(batch.to(dtype))
    if image.ndim < 4:
        result = result.squeeze(0)
    if image.dtype == dtype:
        return result
    return (result if image.dtype.is_floating_point else result.round()).to(image.dtype)


def _float_dtype(image: Tensor) -> tenon.dtype:
    return image.dtype if image.is_floating_point() else tenon.float32


def convert_image_dtype(image: Tensor, dtype: tenon.dtype = tenon.float32) -> Tensor:
    """The image in another dtype, scaled to what that one reaches."""
    if image.dtype == dtype:
        return image
    most, wanted = _greatest(image.dtype), _greatest(dtype)
    if image.is_floating_point():
        if dtype.is_floating_point:
            return image.to(dtype)
        unsafe = {tenon.float32: (tenon.int32, tenon.int64), tenon.float64: (tenon.int64,)}
        if dtype in unsafe.get(image.dtype, ()):
            raise RuntimeError(f"The cast from {image.dtype} to {dtype} cannot be performed safely.")
        return image.mul(wanted + 1.0 - 1e-3).to(dtype)
    if dtype.is_floating_point:
        return image.to(dtype) / most
    if most > wanted:
        return image.div((most + 1) // (wanted + 1), rounding_mode="floor").to(dtype)
    return image.to(dtype) * ((wanted + 1) // (most + 1))


# --- where the pixels are


def hflip(image: Tensor) -> Tensor:
    """Left and right exchanged."""
    check_image(image)
    return image.flip(-1)


def vflip(image: Tensor) -> Tensor:
    """Top and bottom exchanged."""
    check_image(image)
    return image.flip(-2)


def crop(image: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    """A part of the image; what lies outside it is 0."""
    _, own_height, own_width = get_dimensions(image)
    bottom, right = top + height, left + width
    part = image[..., max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if top >= 0 and left >= 0 and bottom <= own_height and right <= own_width:
        return part
    margins = [
        max(-left + min(0, right), 0),
        max(-top + min(0, bottom), 0),
        max(right - max(own_width, left), 0),
        max(bottom - max(own_height, top), 0),
    ]
    return pad(part, margins, 0, "constant")


def _symmetric(image: Tensor, left: int, right: int, top: int, bottom: int) -> Tensor:
    # The border is repeated too, unlike in reflection.
    height, width = image.shape[-2:]
    image = image[..., max(-top, 0) : height - max(-bottom, 0), max(-left, 0) : width - max(-right, 0)]
    height, width = image.shape[-2:]

    def order(before: int, size: int, after: int) -> Tensor:
        return tenon.tensor([*range(max(before, 0))[::-1], *range(size), *range(size)[::-1][: max(after, 0)]])

    return image.index_select(-2, order(top, height, bottom)).index_select(-1, order(left, width, right))


def pad(image: Tensor, padding: list[int], fill: Any, padding_mode: str) -> Tensor:
    """The image with margins at its left, top, right and bottom."""
    check_image(image)
    if not isinstance(fill, (int, float)) and fill is not None:
        raise TypeError("Got inappropriate fill arg")
    left, top, right, bottom = padding
    if padding_mode == "symmetric":
        return _symmetric(image, left, right, top, bottom)
    margins = (left, right, top, bottom)
    if padding_mode == "constant":
        return F.pad(image, margins, value=fill or 0)
    mode = "replicate" if padding_mode == "edge" else padding_mode
    return _computed(image, None, lambda batch: F.pad(batch, margins, mode=mode))


def resize(image: Tensor, size: list[int], interpolation: str, antialias: bool | None) -> Tensor:
    """The image in another height and width."""
    smooth = interpolation in ("bilinear", "bicubic")
    options = {"align_corners": False, "antialias": bool(antialias)} if smooth else {}

    def resized(batch: Tensor) -> Tensor:
        result = F.interpolate(batch, size=size, mode=interpolation, **options)
        bounded = interpolation == "bicubic" and image.dtype == tenon.uint8
        return result.clamp(min=0, max=255) if bounded else result

    check_image(image)
    return _computed(image, None, resized)


def _sampled(image: Tensor, grid: Tensor, interpolation: str, fill: Any) -> Tensor:
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(f"Interpolation mode '{interpolation}' is unsupported with Tensor input")
    channels = get_dimensions(image)[0]
    if isinstance(fill, (tuple, list)) and len(fill) > 1 and len(fill) != channels:
        raise ValueError(
            "The number of elements in 'fill' cannot broadcast to match the number of "
            f"channels of the image ({len(fill)} != {channels})"
        )

    def sampled(batch: Tensor) -> Tensor:
        own = grid.expand(batch.shape[0], *grid.shape[1:])
        if fill is None:
            return F.grid_sample(batch, own, mode=interpolation, padding_mode="zeros", align_corners=False)
        covered = tenon.ones_like(batch[:, :1])
        both = F.grid_sample(
            tenon.cat((batch, covered), 1), own, mode=interpolation, padding_mode="zeros", align_corners=False
        )
        result, covered = both[:, :-1], both[:, -1:]
        values = fill if isinstance(fill, (tuple, list)) else [float(fill)]
        color = tenon.tensor(values, dtype=batch.dtype).view(1, -1, 1, 1)
        if interpolation == "nearest":
            return tenon.where(covered < 0.5, color, result)
        return result * covered + (1.0 - covered) * color

    return _computed(image, grid.dtype, sampled)


def _homogeneous(width: int, height: int, left: float, top: float, dtype: tenon.dtype) -> Tensor:
    # The points (x, y, 1) of an image whose first pixel is at (left, top).
    points = tenon.empty(1, height, width, 3, dtype=dtype)
    points[..., 0] = tenon.linspace(left, left + width - 1, width)
    points[..., 1] = tenon.linspace(top, top + height - 1, height).unsqueeze(-1)
    points[..., 2] = 1
    return points.view(1, height * width, 3)


def elastic(image: Tensor, displacement: Tensor, interpolation: str, fill: Any) -> Tensor:
    """The image whose pixels come from displaced places."""
    y, x = (tenon.linspace((1 - size) / size, (size - 1) / size, size) for size in image.shape[-2:])
    own = tenon.stack(tenon.meshgrid(x, y, indexing="xy"), -1)
    return _sampled(image, own + displacement, interpolation, fill)


def _affine_grid(image: Tensor, matrix: Sequence[float], width: int, height: int) -> Tensor:
    dtype = _float_dtype(image)
    points = _homogeneous(width, height, 0.5 - width * 0.5, 0.5 - height * 0.5, dtype)
    half = tenon.tensor([0.5 * image.shape[-1], 0.5 * image.shape[-2]], dtype=dtype)
    theta = tenon.tensor(matrix, dtype=dtype).reshape(1, 2, 3).transpose(1, 2) / half
    return points.bmm(theta).view(1, height, width, 2)


def affine(image: Tensor, matrix: Sequence[float], interpolation: str, fill: Any) -> Tensor:
    """The image whose pixels come from where the inverse matrix says."""
    check_image(image)
    grid = _affine_grid(image, matrix, image.shape[-1], image.shape[-2])
    return _sampled(image, grid, interpolation, fill)


def _turned_size(matrix: Sequence[float], width: int, height: int) -> tuple[int, int]:
    corners = tenon.tensor([[x * width, y * height, 1.0] for x in (-0.5, 0.5) for y in (-0.5, 0.5)])
    turned = corners @ tenon.tensor(matrix, dtype=tenon.float32).view(2, 3).T
    middle = tenon.tensor([width * 0.5, height * 0.5])
    # A hair's breadth beyond a pixel is rounding.
    low, high = (((bound + middle) / 1e-4).trunc() * 1e-4 for bound in (turned.amin(0), turned.amax(0)))
    size = high.ceil() - low.floor()
    return int(size[0]), int(size[1])


def rotate(image: Tensor, matrix: Sequence[float], interpolation: str, expand: bool, fill: Any) -> Tensor:
    """affine() whose result can be large enough for the whole image."""
    check_image(image)
    width, height = image.shape[-1], image.shape[-2]
    if expand:
        width, height = _turned_size(matrix, width, height)
    return _sampled(image, _affine_grid(image, matrix, width, height), interpolation, fill)


def perspective(image: Tensor, coefficients: Sequence[float], interpolation: str, fill: Any) -> Tensor:
    """The image seen from elsewhere, by the eight coefficients of the inverse map."""
    check_image(image)
    height, width = image.shape[-2:]
    a, b, c, d, e, f, g, h = coefficients
    dtype = _float_dtype(image)
    points = _homogeneous(width, height, 0.5, 0.5, dtype)
    above = tenon.tensor([[[a, b, c], [d, e, f]]], dtype=dtype).transpose(1, 2)
    below = tenon.tensor([[[g, h, 1.0], [g, h, 1.0]]], dtype=dtype).transpose(1, 2)
    half = tenon.tensor([0.5 * width, 0.5 * height], dtype=dtype)
    grid = points.bmm(above / half) / points.bmm(below) - 1.0
    return _sampled(image, grid.view(1, height, width, 2), interpolation, fill)


def erase(image: Tensor, i: int, j: int, h: int, w: int, v: Tensor, inplace: bool) -> Tensor:
    """The image with a rectangle replaced."""
    check_image(image)
    result = image if inplace else image.clone()
    result[..., i : i + h, j : j + w] = v
    return result


# --- what the pixels are


def normalize(image: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool) -> Tensor:
    """(image - mean) / std, for each channel."""
    check_image(image)
    if not image.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {image.dtype}.")
    if image.ndim < 3:
        raise ValueError(
            f"Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = {image.size()}"
        )
    center, scale = (tenon.as_tensor(value, dtype=image.dtype, device=image.device) for value in (mean, std))
    if (scale == 0).any():
        raise ValueError(f"std evaluated to zero after conversion to {image.dtype}, leading to division by zero.")
    center, scale = (value.view(-1, 1, 1) if value.ndim == 1 else value for value in (center, scale))
    return (image.sub_(center) if inplace else image - center).div_(scale)


def rgb_to_grayscale(image: Tensor, num_output_channels: int = 1) -> Tensor:
    """The brightness of each pixel."""
    _check_color(image)
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    if image.shape[-3] == 3:
        r, g, b = image.unbind(-3)
        gray = (0.2989 * r + 0.587 * g + 0.114 * b).to(image.dtype).unsqueeze(-3)
    else:
        gray = image.clone()
    return gray.expand(image.shape) if num_output_channels == 3 else gray


def to_grayscale(image: Tensor, num_output_channels: int) -> Tensor:
    """Not for tensors: rgb_to_grayscale() is."""
    raise TypeError("Input should be PIL Image")


def _blend(image: Tensor, other: Tensor, share: float) -> Tensor:
    return (share * image + (1.0 - share) * other).clamp(0, _greatest(image.dtype)).to(image.dtype)


def adjust_brightness(image: Tensor, factor: float) -> Tensor:
    """0 for black, 1 for the image itself, 2 for twice as bright."""
    _check_channels(image)
    return _blend(image, tenon.zeros_like(image), float(factor))


def adjust_contrast(image: Tensor, factor: float) -> Tensor:
    """0 for plain gray, 1 for the image itself."""
    _check_channels(image)
    gray = rgb_to_grayscale(image) if get_dimensions(image)[0] == 3 else image
    return _blend(image, gray.to(_float_dtype(image)).mean(dim=(-3, -2, -1), keepdim=True), float(factor))


def adjust_saturation(image: Tensor, factor: float) -> Tensor:
    """0 for black and white, 1 for the image itself."""
    _check_channels(image)
    return image if get_dimensions(image)[0] == 1 else _blend(image, rgb_to_grayscale(image), float(factor))


def adjust_sharpness(image: Tensor, factor: float) -> Tensor:
    """0 for a blurred image, 1 for the image itself, 2 for a sharper one."""
    _check_channels(image)
    if min(image.shape[-2:]) <= 2:
        return image
    weights = tenon.ones(3, 3, dtype=_float_dtype(image))
    weights[1, 1] = 5.0
    kernel = (weights / weights.sum()).expand(image.shape[-3], 1, 3, 3)
    blurred = image.clone()
    blurred[..., 1:-1, 1:-1] = _computed(
        image, kernel.dtype, lambda batch: F.conv2d(batch, kernel, groups=batch.shape[-3])
    )
    return _blend(image, blurred, float(factor))


def _hue_saturation_value(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    r, g, b = image.unbind(-3)
    most, least = image.amax(-3), image.amin(-3)
    gray = most == least
    spread = most - least
    one = tenon.ones_like(most)
    saturation = spread / tenon.where(gray, one, most)
    divisor = tenon.where(gray, one, spread)
    rc, gc, bc = ((most - channel) / divisor for channel in (r, g, b))
    is_red, is_green = most == r, most == g
    hue = is_red * (bc - gc) + (is_green & ~is_red) * (2.0 + rc - bc) + (~is_green & ~is_red) * (4.0 + gc - rc)
    return (hue / 6.0 + 1.0).fmod(1.0), saturation, most


def _red_green_blue(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    sector = (hue * 6.0).floor()
    rest = hue * 6.0 - sector
    p = (value * (1.0 - saturation)).clamp(0.0, 1.0)
    q = (value * (1.0 - saturation * rest)).clamp(0.0, 1.0)
    t = (value * (1.0 - saturation * (1.0 - rest))).clamp(0.0, 1.0)
    chosen = (sector.to(tenon.int64) % 6).unsqueeze(0)
    channels = ((value, q, p, p, t, value), (t, value, value, q, p, p), (p, p, t, value, value, q))
    return tenon.stack([tenon.stack(each).gather(0, chosen)[0] for each in channels], -3)


def adjust_hue(image: Tensor, factor: float) -> Tensor:
    """The colours turned round their circle, by a share of it between -0.5 and 0.5."""
    _check_channels(image)
    if get_dimensions(image)[0] == 1:
        return image
    hue, saturation, value = _hue_saturation_value(convert_image_dtype(image, tenon.float32))
    return convert_image_dtype(_red_green_blue((hue + factor) % 1.0, saturation, value), image.dtype)


def adjust_gamma(image: Tensor, gamma: float, gain: float) -> Tensor:
    """gain * image ** gamma, of an image between 0 and 1."""
    _check_channels(image)
    given = image if image.is_floating_point() else convert_image_dtype(image, tenon.float32)
    return convert_image_dtype((gain * given.pow(gamma)).clamp(0, 1), image.dtype)


def gaussian_blur(image: Tensor, kernel_size: Sequence[int], sigma: Sequence[float]) -> Tensor:
    """The image convolved with a bell of this width."""
    check_image(image)

    def bell(size: int, width: float) -> Tensor:
        half = (size - 1) * 0.5
        values = (-0.5 * (tenon.linspace(-half, half, size, dtype=_float_dtype(image)) / width).pow(2)).exp()
        return values / values.sum()

    x, y = (bell(size, width) for size, width in zip(kernel_size, sigma))
    kernel = tenon.mm(y[:, None], x[None, :])
    margins = [kernel_size[0] // 2] * 2 + [kernel_size[1] // 2] * 2

    def blurred(batch: Tensor) -> Tensor:
        weights = kernel.expand(batch.shape[-3], 1, *kernel.shape)
        return F.conv2d(F.pad(batch, margins, mode="reflect"), weights, groups=batch.shape[-3])

    return _computed(image, kernel.dtype, blurred)


def invert(image: Tensor) -> Tensor:
    """The negative."""
    _check_color(image)
    return _greatest(image.dtype) - image


def posterize(image: Tensor, bits: int) -> Tensor:
    """The uppermost bits of each channel."""
    if image.ndim >= 3 and image.dtype != tenon.uint8:
        raise TypeError(f"Only torch.uint8 image tensors are supported, but found {image.dtype}")
    _check_color(image)
    return image & (256 - 2 ** (8 - bits))


def solarize(image: Tensor, threshold: float) -> Tensor:
    """What is bright inverted."""
    _check_color(image)
    if threshold > _greatest(image.dtype):
        raise TypeError("Threshold should be less than bound of img.")
    return tenon.where(image >= threshold, invert(image), image)


def autocontrast(image: Tensor) -> Tensor:
    """Each channel stretched to the whole range."""
    _check_color(image)
    bound, dtype = _greatest(image.dtype), _float_dtype(image)
    least, most = (bounds.to(dtype) for bounds in (image.amin((-2, -1), True), image.amax((-2, -1), True)))
    scale = bound / (most - least)
    flat = ~scale.isfinite()
    scale, least = scale.masked_fill(flat, 1), least.masked_fill(flat, 0)
    return ((image - least) * scale).clamp(0, bound).to(image.dtype)


def _equalized(channel: Tensor) -> Tensor:
    counts = tenon.bincount(channel.reshape(-1), minlength=256)
    present = counts[counts != 0]
    step = int(present[:-1].sum()) // 255
    if step == 0:
        return channel
    table = ((counts.cumsum(0) + step // 2) // step)[:-1].clamp(0, 255)
    return F.pad(table, (1, 0))[channel.long()].to(tenon.uint8)


def equalize(image: Tensor) -> Tensor:
    """Each channel with all brightnesses alike often."""
    check_image(image)
    if not 3 <= image.ndim <= 4:
        raise TypeError(f"Input image tensor should have 3 or 4 dimensions, but found {image.ndim}")
    if image.dtype != tenon.uint8:
        raise TypeError(f"Only torch.uint8 image tensors are supported, but found {image.dtype}")
    _check_channels(image)
    planes = image.reshape(math.prod(image.shape[:-2]), *image.shape[-2:])
    return tenon.stack([_equalized(plane) for plane in planes]).reshape(image.shape)
