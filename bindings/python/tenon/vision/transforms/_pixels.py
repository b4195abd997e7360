"""Random transforms that move or replace pixels on a small scale: elastic, blurred, erased."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import tenon
from tenon import Tensor, nn
from tenon.vision.transforms import functional as F
from tenon.vision.transforms._random import _below, _happens, _uniform
from tenon.vision.transforms.functional import InterpolationMode, _pair

__all__ = ["ElasticTransform", "GaussianBlur", "RandomErasing"]


class ElasticTransform(nn.Module):
    """The image as if seen through moving water: each pixel from a place nearby, neighbours from nearly the same."""

    def __init__(
        self, alpha: Any = 50.0, sigma: Any = 5.0, interpolation: Any = InterpolationMode.BILINEAR, fill: Any = 0
    ) -> None:
        super().__init__()
        self.alpha = self._both(alpha, "alpha")
        self.sigma = self._both(sigma, "sigma")
        self.interpolation = InterpolationMode(F._mode(interpolation))
        if not isinstance(fill, (int, float, list, tuple)):
            raise TypeError(f"fill should be int or float or a list or tuple of them. Got {type(fill)}")
        self.fill = [float(each) for each in ([fill] if isinstance(fill, (int, float)) else fill)]

    @staticmethod
    def _both(value: Any, name: str) -> Any:
        if isinstance(value, float):
            return [value, value]
        if not isinstance(value, Sequence):
            raise TypeError(f"{name} should be float or a sequence of floats. Got {type(value)}")
        if len(value) != 2:
            raise ValueError(f"If {name} is a sequence its length should be 2. Got {len(value)}")
        for element in value:
            if not isinstance(element, float):
                raise TypeError(f"{name} should be a sequence of floats. Got {type(element)}")
        return value

    @staticmethod
    def get_params(alpha: list[float], sigma: list[float], size: list[int]) -> Tensor:
        """Random displacements, blurred: (1, height, width, 2)."""
        height, width = size
        parts = []
        for strength, blur, length in zip(alpha, sigma, (width, height)):
            part = tenon.rand([1, 1, height, width]) * 2 - 1
            if blur > 0.0:
                kernel = int(8 * blur + 1) // 2 * 2 + 1
                part = F.gaussian_blur(part, [kernel, kernel], sigma)
            parts.append(part * strength / length)
        return tenon.cat(parts, 1).permute(0, 2, 3, 1)

    def forward(self, tensor: Any) -> Any:
        _, height, width = F.get_dimensions(tensor)
        return F.elastic_transform(
            tensor, self.get_params(self.alpha, self.sigma, [height, width]), self.interpolation, self.fill
        )

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(alpha={self.alpha}, sigma={self.sigma}, "
            f"interpolation={self.interpolation}, fill={self.fill})"
        )


class GaussianBlur(nn.Module):
    """The image convolved with a bell of random width."""

    def __init__(self, kernel_size: Any, sigma: Any = (0.1, 2.0)) -> None:
        super().__init__()
        self.kernel_size = _pair(kernel_size, "Kernel size should be a tuple/list of two integers")
        if any(size <= 0 or size % 2 == 0 for size in self.kernel_size):
            raise ValueError("Kernel size value should be an odd and positive number.")
        if isinstance(sigma, (int, float)):
            if sigma <= 0:
                raise ValueError("If sigma is a single number, it must be positive.")
            sigma = (sigma, sigma)
        elif isinstance(sigma, Sequence) and len(sigma) == 2:
            if not 0.0 < sigma[0] <= sigma[1]:
                raise ValueError(f"sigma values should be positive and of the form (min, max). Got {sigma}")
        else:
            raise TypeError("sigma should be a single float or a list/tuple with length 2 floats.")
        self.sigma = sigma

    @staticmethod
    def get_params(sigma_min: float, sigma_max: float) -> float:
        """A random width."""
        return _uniform(sigma_min, sigma_max)

    def forward(self, img: Any) -> Any:
        sigma = self.get_params(*self.sigma)
        return F.gaussian_blur(img, self.kernel_size, [sigma, sigma])

    def __repr__(self) -> str:
        return f"{type(self).__name__}(kernel_size={self.kernel_size}, sigma={self.sigma})"


class RandomErasing(nn.Module):
    """A random rectangle of a tensor replaced, at times."""

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: Any = 0,
        inplace: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(value, (int, float, str, tuple, list)):
            raise TypeError("Argument value should be either a number or str or a sequence")
        if isinstance(value, str) and value != "random":
            raise ValueError("If value is str, it should be 'random'")
        if not isinstance(scale, Sequence):
            raise TypeError("Scale should be a sequence")
        if not isinstance(ratio, Sequence):
            raise TypeError("Ratio should be a sequence")
        if scale[0] > scale[1] or ratio[0] > ratio[1]:
            warnings.warn("Scale and ratio should be of kind (min, max)", stacklevel=2)
        if scale[0] < 0 or scale[1] > 1:
            raise ValueError("Scale should be between 0 and 1")
        if not 0 <= p <= 1:
            raise ValueError("Random erasing probability should be between 0 and 1")
        self.p, self.scale, self.ratio, self.value, self.inplace = p, scale, ratio, value, inplace

    @staticmethod
    def get_params(
        img: Tensor, scale: Sequence[float], ratio: Sequence[float], value: list[float] | None = None
    ) -> tuple[int, int, int, int, Tensor]:
        """A random top, left, height and width, and what goes there: random numbers where `value` is None."""
        channels, height, width = img.shape[-3:]
        least, most = tenon.log(tenon.tensor(ratio)).tolist()
        for _ in range(10):
            area = height * width * _uniform(*scale)
            shape = tenon.exp(tenon.empty(1).uniform_(least, most)).item()
            h, w = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if not (h < height and w < width):
                continue
            if value is None:
                v = tenon.empty([channels, h, w], dtype=tenon.float32).normal_()
            else:
                v = tenon.tensor(value)[:, None, None]
            top = _below(height - h + 1)
            return top, _below(width - w + 1), h, w, v
        return 0, 0, height, width, img

    def forward(self, img: Tensor) -> Tensor:
        if not _happens(self.p):
            return img
        value = self.value
        if isinstance(value, str):
            values = None
        else:
            values = [float(value)] if isinstance(value, (int, float)) else [float(each) for each in value]
            if len(values) not in (1, img.shape[-3]):
                raise ValueError(
                    "If value is a sequence, it should have either a single value or "
                    f"{img.shape[-3]} (number of input channels)"
                )
        return F.erase(img, *self.get_params(img, self.scale, self.ratio, values), self.inplace)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(p={self.p}, scale={self.scale}, ratio={self.ratio}, "
            f"value={self.value}, inplace={self.inplace})"
        )
