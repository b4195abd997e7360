"""The array API's extension for Fourier transforms."""

from __future__ import annotations

from typing import Any

from tenon import _C
from tenon._C import Tensor

_ops = _C.fft_functions
fftfreq = _ops["fftfreq"]
rfftfreq = _ops["rfftfreq"]


def _along_axis(name: str) -> Any:
    op = _ops[name]

    def transform(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
        return op(x, n, axis, norm)

    return _named(transform, name)


def _along_axes(name: str) -> Any:
    op = _ops[name]

    def transform(x: Tensor, /, *, s: Any = None, axes: Any = None, norm: str = "backward") -> Tensor:
        return op(x, s, axes, norm)

    return _named(transform, name)


def _shift(name: str) -> Any:
    op = _ops[name]

    def shift(x: Tensor, /, *, axes: Any = None) -> Tensor:
        return op(x, axes)

    return _named(shift, name)


def _named(function: Any, name: str) -> Any:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = _ops[name].__doc__
    return function


fft = _along_axis("fft")
ifft = _along_axis("ifft")
rfft = _along_axis("rfft")
irfft = _along_axis("irfft")
hfft = _along_axis("hfft")
ihfft = _along_axis("ihfft")
fftn = _along_axes("fftn")
ifftn = _along_axes("ifftn")
rfftn = _along_axes("rfftn")
irfftn = _along_axes("irfftn")
fftshift = _shift("fftshift")
ifftshift = _shift("ifftshift")
