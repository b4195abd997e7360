"""The transforms as functions, of PIL images and of tensors alike."""

from __future__ import annotations

import enum
import math
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import tenon
from tenon import Tensor
from tenon.vision.transforms import _tensor_images

__all__ = [
    "InterpolationMode",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "adjust_sharpness",
    "affine",
    "autocontrast",
    "center_crop",
    "convert_image_dtype",
    "crop",
    "elastic_transform",
    "equalize",
    "erase",
    "five_crop",
    "gaussian_blur",
    "get_dimensions",
    "get_image_num_channels",
    "get_image_size",
    "hflip",
    "invert",
    "normalize",
    "pad",
    "perspective",
    "pil_to_tensor",
    "posterize",
    "resize",
    "resized_crop",
    "rgb_to_grayscale",
    "rotate",
    "solarize",
    "ten_crop",
    "to_grayscale",
    "to_pil_image",
    "to_tensor",
    "vflip",
]


class InterpolationMode(enum.Enum):
    """How values between pixels are found; box, hamming and lanczos are for PIL images."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


# By PIL's numbers.
_MODES_BY_NUMBER = dict(enumerate(("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")))


def _mode(interpolation: Any) -> str:
    if isinstance(interpolation, int):
        return _MODES_BY_NUMBER[interpolation]
    if isinstance(interpolation, InterpolationMode):
        return interpolation.value
    raise TypeError("Argument interpolation should be a InterpolationMode or a corresponding Pillow integer constant")


def _is_pil(image: Any) -> bool:
    # Nothing is a PIL image where PIL was not imported.
    pil = sys.modules.get("PIL.Image")
    return pil is not None and isinstance(image, pil.Image)


def _images(image: Any) -> Any:
    # The functions for this kind of image.
    if isinstance(image, Tensor):
        return _tensor_images
    if not _is_pil(image):
        raise TypeError(f"Unexpected type {type(image)}")
    from tenon.vision.transforms import _pil_images

    return _pil_images


def get_dimensions(img: Any) -> list[int]:
    """The number of channels, the height and the width."""
    return _images(img).get_dimensions(img)


def get_image_size(img: Any) -> list[int]:
    """The width and the height."""
    _, height, width = get_dimensions(img)
    return [width, height]


def get_image_num_channels(img: Any) -> int:
    """The number of channels."""
    return get_dimensions(img)[0]


# --- between kinds of images


def _of_array(array: Any) -> Tensor:
    return tenon.from_numpy(array.transpose((2, 0, 1))).contiguous()


def to_tensor(pic: Any) -> Tensor:
    """A PIL image or an array (height, width, channels) as a tensor (channels, height, width); bytes become 0 to 1."""
    import numpy as np

    if not _is_pil(pic) and not isinstance(pic, np.ndarray):
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    if isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        image = _of_array(pic[:, :, None] if pic.ndim == 2 else pic)
    else:
        wide = {"I": np.int32, "I;16": np.int16, "I;16B": np.int16, "F": np.float32}
        array = np.array(pic, wide.get(pic.mode, np.uint8))
        image = _of_array(array.reshape(pic.height, pic.width, -1))
        if pic.mode == "1":
            image = 255 * image
    return image.to(tenon.get_default_dtype()).div(255) if image.dtype == tenon.uint8 else image


def pil_to_tensor(pic: Any) -> Tensor:
    """A PIL image as a tensor of the numbers it holds."""
    if not _is_pil(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    import numpy as np

    return tenon.from_numpy(np.array(pic)).view(pic.height, pic.width, -1).permute(2, 0, 1)


# The modes of PIL that an array can be meant as, by its number of channels; the first is that of bytes.
_MODES = {2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK", "RGBX")}
_GRAY_MODES = {"uint8": "L", "int16": "I;16" if sys.byteorder == "little" else "I;16B", "int32": "I", "float32": "F"}


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A tensor (channels, height, width) or an array (height, width, channels) as a PIL image."""
    import numpy as np
    from PIL import Image

    if isinstance(pic, Tensor):
        pic = (pic.permute(1, 2, 0) if pic.ndim == 3 else pic).numpy(force=True)
    elif not isinstance(pic, np.ndarray):
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if pic.ndim == 2:
        pic = pic[:, :, None]
    if pic.ndim != 3:
        raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
    channels = pic.shape[2]
    if channels > 4:
        raise ValueError(f"pic should not have > 4 channels. Got {channels} channels.")
    if np.issubdtype(pic.dtype, np.floating) and mode != "F":
        pic = (pic * 255).astype(np.uint8)
    if channels == 1:
        expected = _GRAY_MODES.get(str(pic.dtype))
        if mode is not None and mode != expected:
            raise ValueError(f"Incorrect mode ({mode}) supplied for input type {pic.dtype}. Should be {expected}")
        mode, pic = expected, pic[:, :, 0]
    else:
        permitted = _MODES[channels]
        if mode is not None and mode not in permitted:
            raise ValueError(f"Only modes {list(permitted)} are supported for {channels}D inputs")
        if mode is None and pic.dtype == np.uint8:
            mode = permitted[0]
    if mode is None:
        raise TypeError(f"Input type {pic.dtype} is not supported")
    height, width = pic.shape[:2]
    return Image.frombuffer(mode, (width, height), np.ascontiguousarray(pic).tobytes(), "raw", mode, 0, 1)


def convert_image_dtype(image: Tensor, dtype: tenon.dtype = tenon.float32) -> Tensor:
    """The image in another dtype, scaled to what that one reaches."""
    if not isinstance(image, Tensor):
        raise TypeError("Input img should be Tensor Image")
    return _tensor_images.convert_image_dtype(image, dtype)


def normalize(tensor: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> Tensor:
    """(tensor - mean) / std, for each channel."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    return _tensor_images.normalize(tensor, mean, std, inplace)


# --- where the pixels are


def _resized(height: int, width: int, size: list[int], max_size: int | None) -> list[int]:
    # The height and width for which `size` asks; one number is for the smaller edge.
    if len(size) == 2:
        return list(size)
    (short,), edges = size, (height, width)
    long = int(short * max(edges) / min(edges))
    if max_size is not None:
        if max_size <= short:
            raise ValueError(
                f"max_size = {max_size} must be strictly greater than the requested "
                f"size for the smaller edge size = {size}"
            )
        if long > max_size:
            short, long = int(max_size * short / long), max_size
    return [long, short] if width <= height else [short, long]


def resize(
    img: Any,
    size: Any,
    interpolation: Any = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """The image in another size: (height, width), or the smaller edge alone."""
    mode = _mode(interpolation)
    if not isinstance(size, int):
        if len(size) not in (1, 2):
            raise ValueError(
                f"Size must be an int or a 1 or 2 element tuple/list, not a {len(size)} element tuple/list"
            )
        if max_size is not None and len(size) != 1:
            raise ValueError("max_size should only be passed if size specifies the length of the smaller edge")
    _, height, width = get_dimensions(img)
    wanted = _resized(height, width, [size] if isinstance(size, int) else list(size), max_size)
    if wanted == [height, width]:
        return img
    if antialias is False and not isinstance(img, Tensor):
        warnings.warn(
            "Anti-alias option is always applied for PIL Image input. Argument antialias is ignored.", stacklevel=2
        )
    return _images(img).resize(img, wanted, mode, antialias)


def pad(img: Any, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Any:
    """The image with margins: one for all sides, one for left and right and one for the others, or four."""
    if not isinstance(padding, (int, tuple, list)):
        raise TypeError("Got inappropriate padding arg")
    if not isinstance(fill, (int, float, tuple, list)) and fill is not None:
        raise TypeError("Got inappropriate fill arg")
    if not isinstance(padding_mode, str):
        raise TypeError("Got inappropriate padding_mode arg")
    sides = [padding] if isinstance(padding, int) else list(padding)
    if len(sides) not in (1, 2, 4):
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(sides)} element tuple")
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    return _images(img).pad(img, sides * (4 // len(sides)), fill, padding_mode)


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """A part of the image; what lies outside it is 0."""
    return _images(img).crop(img, top, left, height, width)


def _pair(size: Any, message: str = "Please provide only two dimensions (h, w) for size.") -> tuple[int, int]:
    if isinstance(size, int):
        return size, size
    if len(size) == 1:
        return size[0], size[0]
    if len(size) != 2:
        raise ValueError(message)
    return size


def center_crop(img: Any, output_size: Any) -> Any:
    """The middle of the image, with margins of 0 where it is too small."""
    height, width = _pair(output_size)
    _, own_height, own_width = get_dimensions(img)
    missing_height, missing_width = max(height - own_height, 0), max(width - own_width, 0)
    if missing_height or missing_width:
        margins = [missing_width // 2, missing_height // 2, (missing_width + 1) // 2, (missing_height + 1) // 2]
        img = pad(img, margins, fill=0)
        _, own_height, own_width = get_dimensions(img)
    return crop(img, round((own_height - height) / 2.0), round((own_width - width) / 2.0), height, width)


def resized_crop(
    img: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: Any,
    interpolation: Any = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Any:
    """A part of the image in another size."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def hflip(img: Any) -> Any:
    """Left and right exchanged."""
    return _images(img).hflip(img)


def vflip(img: Any) -> Any:
    """Top and bottom exchanged."""
    return _images(img).vflip(img)


def five_crop(img: Any, size: Any) -> tuple:
    """The four corners and the middle."""
    height, width = _pair(size)
    _, own_height, own_width = get_dimensions(img)
    if width > own_width or height > own_height:
        raise ValueError(f"Requested crop size {size} is bigger than input size {(own_height, own_width)}")
    bottom, right = own_height - height, own_width - width
    corners = ((0, 0), (0, right), (bottom, 0), (bottom, right))
    return *(crop(img, top, left, height, width) for top, left in corners), center_crop(img, [height, width])


def ten_crop(img: Any, size: Any, vertical_flip: bool = False) -> tuple:
    """five_crop() of the image and of its mirror image."""
    flipped = vflip(img) if vertical_flip else hflip(img)
    return five_crop(img, size) + five_crop(flipped, size)


def _inverse_affine(
    center: Sequence[float], angle: float, translate: Sequence[float], scale: float, shear: Sequence[float]
) -> list[float]:
    # The inverse of: move the centre to 0, shear, rotate and scale, move back and by `translate`.
    turn, shear_x, shear_y = math.radians(angle), math.radians(shear[0]), math.radians(shear[1])
    a = math.cos(turn - shear_y) / math.cos(shear_y)
    b = -math.cos(turn - shear_y) * math.tan(shear_x) / math.cos(shear_y) - math.sin(turn)
    c = math.sin(turn - shear_y) / math.cos(shear_y)
    d = -math.sin(turn - shear_y) * math.tan(shear_x) / math.cos(shear_y) + math.cos(turn)
    d, b, c, a = d / scale, -b / scale, -c / scale, a / scale
    x, y = -center[0] - translate[0], -center[1] - translate[1]
    return [d, b, d * x + b * y + center[0], c, a, c * x + a * y + center[1]]


def _from_middle(img: Any, center: Any) -> list[float]:
    _, height, width = get_dimensions(img)
    return [0.0, 0.0] if center is None else [center[0] - width * 0.5, center[1] - height * 0.5]


def rotate(
    img: Any,
    angle: float,
    interpolation: Any = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Any = None,
    fill: Any = None,
) -> Any:
    """The image turned by an angle in degrees, counter-clockwise."""
    mode = _mode(interpolation)
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if center is not None and not isinstance(center, (list, tuple)):
        raise TypeError("Argument center should be a sequence")
    if not isinstance(img, Tensor):
        return _images(img).rotate(img, angle, mode, expand, center, fill)
    matrix = _inverse_affine(_from_middle(img, center), -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    return _tensor_images.rotate(img, matrix, mode, expand, fill)


def affine(
    img: Any,
    angle: float,
    translate: Any,
    scale: float,
    shear: Any,
    interpolation: Any = InterpolationMode.NEAREST,
    fill: Any = None,
    center: Any = None,
) -> Any:
    """The image turned (degrees, clockwise), moved, scaled and sheared."""
    mode = _mode(interpolation)
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if not isinstance(translate, (list, tuple)):
        raise TypeError("Argument translate should be a sequence")
    if len(translate) != 2:
        raise ValueError("Argument translate should be a sequence of length 2")
    if scale <= 0.0:
        raise ValueError("Argument scale should be positive")
    if not isinstance(shear, (int, float, list, tuple)):
        raise TypeError("Shear should be either a single value or a sequence of two values")
    sheared = [shear, 0.0] if isinstance(shear, (int, float)) else list(shear) * (2 // len(shear))
    if len(sheared) != 2:
        raise ValueError(f"Shear should be a sequence containing two values. Got {shear}")
    if center is not None and not isinstance(center, (list, tuple)):
        raise TypeError("Argument center should be a sequence")
    if isinstance(img, Tensor):
        around = _from_middle(img, center)
    else:
        _, height, width = get_dimensions(img)
        around = [width * 0.5, height * 0.5] if center is None else center
    return _images(img).affine(img, _inverse_affine(around, angle, translate, scale, sheared), mode, fill)


def _perspective_coefficients(startpoints: Any, endpoints: Any) -> list[float]:
    # Those of the map that takes the end points to the start points.
    if len(startpoints) != 4 or len(endpoints) != 4:
        raise ValueError(
            f"Please provide exactly four corners, got {len(startpoints)} startpoints and {len(endpoints)} endpoints."
        )
    rows = []
    for (x, y), (u, v) in zip(endpoints, startpoints):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    targets = tenon.tensor(startpoints, dtype=tenon.float64).view(8)
    solution = tenon.linalg.lstsq(tenon.tensor(rows, dtype=tenon.float64), targets).solution
    return solution.to(tenon.float32).tolist()


def perspective(
    img: Any,
    startpoints: Any,
    endpoints: Any,
    interpolation: Any = InterpolationMode.BILINEAR,
    fill: Any = None,
) -> Any:
    """The image seen so that what was at the four start points is at the end points."""
    mode = _mode(interpolation)
    return _images(img).perspective(img, _perspective_coefficients(startpoints, endpoints), mode, fill)


def elastic_transform(
    img: Any, displacement: Tensor, interpolation: Any = InterpolationMode.BILINEAR, fill: Any = None
) -> Any:
    """The image whose pixels come from places that are displaced by shares of half its size, (1, height, width, 2)."""
    mode = _mode(interpolation)
    if not isinstance(displacement, Tensor):
        raise TypeError("Argument displacement should be a Tensor")
    if not isinstance(img, Tensor):
        if not _is_pil(img):
            raise TypeError(f"img should be PIL Image or Tensor. Got {type(img)}")
        return to_pil_image(elastic_transform(pil_to_tensor(img), displacement, interpolation, fill), mode=img.mode)
    shape = (1, *img.shape[-2:], 2)
    if shape != tuple(displacement.shape):
        raise ValueError(f"Argument displacement shape should be {shape}, but given {displacement.shape}")
    return _tensor_images.elastic(img, displacement, mode, fill)


def erase(img: Tensor, i: int, j: int, h: int, w: int, v: Tensor, inplace: bool = False) -> Tensor:
    """The tensor with a rectangle replaced by `v`."""
    if not isinstance(img, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(img)}")
    return _tensor_images.erase(img, i, j, h, w, v, inplace)


# --- what the pixels are


def to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """The brightness of each pixel of a PIL image, once or three times."""
    return _images(img).to_grayscale(img, num_output_channels)


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """The brightness of each pixel, once or three times."""
    return _images(img).rgb_to_grayscale(img, num_output_channels)


def _check_factor(name: str, factor: float) -> None:
    if factor < 0:
        raise ValueError(f"{name} ({factor}) is not non-negative.")


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """0 for black, 1 for the image itself, 2 for twice as bright."""
    _check_factor("brightness_factor", brightness_factor)
    return _images(img).adjust_brightness(img, brightness_factor)


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """0 for plain gray, 1 for the image itself."""
    _check_factor("contrast_factor", contrast_factor)
    return _images(img).adjust_contrast(img, contrast_factor)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """0 for black and white, 1 for the image itself."""
    _check_factor("saturation_factor", saturation_factor)
    return _images(img).adjust_saturation(img, saturation_factor)


def adjust_sharpness(img: Any, sharpness_factor: float) -> Any:
    """0 for a blurred image, 1 for the image itself, 2 for a sharper one."""
    _check_factor("sharpness_factor", sharpness_factor)
    return _images(img).adjust_sharpness(img, sharpness_factor)


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """The colours turned round their circle, by a share of it between -0.5 and 0.5."""
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    return _images(img).adjust_hue(img, hue_factor)


def adjust_gamma(img: Any, gamma: float, gain: float = 1) -> Any:
    """gain * img ** gamma, of an image between 0 and 1."""
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    return _images(img).adjust_gamma(img, gamma, gain)


def _both(name: str, value: Any) -> list:
    values = [value] * 2 if isinstance(value, (int, float)) else list(value) * (2 if len(value) == 1 else 1)
    if len(values) != 2:
        raise ValueError(f"If {name} is a sequence its length should be 2. Got {len(values)}")
    return values


def gaussian_blur(img: Any, kernel_size: Any, sigma: Any = None) -> Any:
    """The image convolved with a bell of this width, cut to a kernel of odd size (x, y)."""
    sizes = _both("kernel_size", kernel_size)
    if any(size % 2 == 0 or size < 0 for size in sizes):
        raise ValueError(f"kernel_size should have odd and positive integers. Got {sizes}")
    widths = [size * 0.15 + 0.35 for size in sizes] if sigma is None else _both("sigma", sigma)
    if any(width <= 0.0 for width in widths):
        raise ValueError(f"sigma should have positive values. Got {widths}")
    if isinstance(img, Tensor):
        return _tensor_images.gaussian_blur(img, sizes, widths)
    return to_pil_image(_tensor_images.gaussian_blur(pil_to_tensor(img), sizes, widths), mode=img.mode)


def invert(img: Any) -> Any:
    """The negative."""
    return _images(img).invert(img)


def posterize(img: Any, bits: int) -> Any:
    """The uppermost bits of each channel."""
    if not 0 <= bits <= 8:
        raise ValueError(f"The number if bits should be between 0 and 8. Got {bits}")
    return _images(img).posterize(img, bits)


def solarize(img: Any, threshold: float) -> Any:
    """What is brighter than the threshold inverted."""
    return _images(img).solarize(img, threshold)


def autocontrast(img: Any) -> Any:
    """Each channel stretched to the whole range."""
    return _images(img).autocontrast(img)


def equalize(img: Any) -> Any:
    """Each channel with all brightnesses alike often."""
    return _images(img).equalize(img)
