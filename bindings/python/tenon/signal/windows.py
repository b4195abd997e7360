"""Window functions, under the names of torch.signal.windows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from tenon import _C
from tenon._C import Tensor

__all__ = [
    "bartlett",
    "blackman",
    "cosine",
    "exponential",
    "gaussian",
    "general_cosine",
    "general_hamming",
    "hamming",
    "hann",
    "kaiser",
    "nuttall",
]

_ops = _C.functions


class _Samples:
    # The places of a window's samples, and how the window is wanted.
    def __init__(self, name: str, M: int, sym: bool, dtype: Any, layout: Any, device: Any, requires_grad: bool) -> None:
        dtype = dtype or _C.get_default_dtype()
        if M < 0:
            raise ValueError(f"{name} requires non-negative window length, got M={M}")
        if layout is not _C.strided:
            raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
        if dtype not in (_C.float32, _C.float64):
            raise ValueError(f"{name} expects float32 or float64 dtypes, got: {dtype}")
        self.count = M
        self.whole = M if sym or M < 2 else M + 1
        self.options = {"dtype": dtype, "device": device, "requires_grad": requires_grad}

    def line(self, start: float, end: float) -> Tensor:
        """Evenly spaced numbers from `start`, of which the last of the whole window is `end`."""
        step = (end - start) / (self.whole - 1) if self.whole > 1 else 0.0
        return _ops["linspace"](start, start + (self.count - 1) * step, self.count, **self.options)

    def window(self, shape: Callable[[], Tensor], single: bool = True) -> Tensor:
        """What `shape` makes; windows of no sample, and with `single` those of one, are without a shape."""
        if self.count > (1 if single else 0):
            return shape()
        return _ops["ones"]((self.count,), **self.options)


def exponential(
    M: int,
    *,
    center: float | None = None,
    tau: float = 1.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = _C.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """exp(-|n - center| / tau)."""
    samples = _Samples("exponential", M, sym, dtype, layout, device, requires_grad)
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    middle = (samples.whole - 1) / 2 if center is None else center
    line = samples.line
    return samples.window(lambda: (-line(-middle / tau, (samples.whole - 1 - middle) / tau).abs()).exp(), single=False)


def cosine(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = _C.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """sin(pi (n + 1/2) / M)."""
    samples = _Samples("cosine", M, sym, dtype, layout, device, requires_grad)
    half = 0.5 * math.pi / max(samples.whole, 1)
    return samples.window(lambda: samples.line(half, math.pi - half).sin(), single=False)


def gaussian(
    M: int,
    *,
    std: float = 1.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = _C.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """exp(-(n - middle)^2 / (2 std^2))."""
    samples = _Samples("gaussian", M, sym, dtype, layout, device, requires_grad)
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    end = (samples.whole - 1) / 2 / (std * math.sqrt(2))
    return samples.window(lambda: (-samples.line(-end, end).square()).exp(), single=False)


def kaiser(
    M: int,
    *,
    beta: float = 12.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = _C.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """i0(beta sqrt(1 - (2 n / N - 1)^2)) / i0(beta)."""
    samples = _Samples("kaiser", M, sym, dtype, layout, device, requires_grad)
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")

    def shape() -> Tensor:
        # Rounded as the line is, so that no root is taken of a number below zero.
        rounded = _ops["scalar_tensor"](beta, dtype=samples.options["dtype"], device=device)
        line = samples.line(-rounded.item(), rounded.item())
        return (rounded * rounded - line * line).clamp_min(0).sqrt().i0() / rounded.i0()

    return samples.window(shape)


def bartlett(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = _C.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The triangle 1 - |2 n / N - 1|."""
    samples = _Samples("bartlett", M, sym, dtype, layout, device, requires_grad)
    return samples.window(lambda: 1 - samples.line(-1.0, 1.0).abs())


def general_cosine(
    M: int,
    *,
    a: Iterable[float],
    sym: bool = True,
    dtype: Any = None,
    layout: Any = _C.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The sum of (-1)^i a[i] cos(2 pi i n / N)."""
    samples = _Samples("general_cosine", M, sym, dtype, layout, device, requires_grad)

    def shape() -> Tensor:
        if not isinstance(a, Iterable):
            raise TypeError("Coefficients must be a list/tuple")
        if not a:
            raise ValueError("Coefficients cannot be empty")
        line = samples.line(0.0, 2 * math.pi)
        return sum((line * i).cos() * (weight * (-1) ** i) for i, weight in enumerate(a))

    return samples.window(shape)


def general_hamming(M: int, *, alpha: float = 0.54, **options: Any) -> Tensor:
    """alpha - (1 - alpha) cos(2 pi n / N)."""
    return general_cosine(M, a=[alpha, 1.0 - alpha], **options)


def hamming(M: int, **options: Any) -> Tensor:
    """0.54 - 0.46 cos(2 pi n / N)."""
    return general_hamming(M, **options)


def hann(M: int, **options: Any) -> Tensor:
    """One half of 1 - cos(2 pi n / N)."""
    return general_hamming(M, alpha=0.5, **options)


def blackman(M: int, **options: Any) -> Tensor:
    """0.42 - 0.5 cos(2 pi n / N) + 0.08 cos(4 pi n / N)."""
    return general_cosine(M, a=[0.42, 0.5, 0.08], **options)


def nuttall(M: int, **options: Any) -> Tensor:
    """Nuttall's window of four cosines, with the least side lobes."""
    return general_cosine(M, a=[0.3635819, 0.4891775, 0.1365995, 0.0106411], **options)
