"""Images and volumes of another size, and their values at the places of a grid: the functions of nn.functional."""

from __future__ import annotations

from typing import Any

from tenon import _C
from tenon._C import Tensor

_f, _nn = _C.functions, _C.nn_functions

# What takes a mode and a number of dims, and whether it takes align_corners.
_PLAIN = {
    ("nearest", 3): "upsample_nearest1d",
    ("nearest", 4): "upsample_nearest2d",
    ("nearest", 5): "upsample_nearest3d",
    ("nearest-exact", 3): "_upsample_nearest_exact1d",
    ("nearest-exact", 4): "_upsample_nearest_exact2d",
    ("nearest-exact", 5): "_upsample_nearest_exact3d",
}
_SMOOTH = {
    ("linear", 3): "upsample_linear1d",
    ("bilinear", 4): "upsample_bilinear2d",
    ("trilinear", 5): "upsample_trilinear3d",
    ("bicubic", 4): "upsample_bicubic2d",
}
_AREA = {3: "adaptive_avg_pool1d", 4: "adaptive_avg_pool2d", 5: "adaptive_avg_pool3d"}
_MODES = ("nearest", "nearest-exact", "area", *(mode for mode, _ in _SMOOTH))


def _per_dim(name: str, values: Any, dims: int) -> list[Any]:
    if not isinstance(values, (list, tuple)):
        return [values] * dims
    if len(values) != dims:
        raise ValueError(f"interpolate: {name} must have one entry for each of the {dims} spatial dims, got {values}")
    return list(values)


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """The input with another size, or scaled by a factor, of its spatial dims.

    With `antialias` a smaller result is filtered by a kernel as wide as its elements.
    """
    if align_corners is not None and mode in ("nearest", "nearest-exact", "area"):
        raise ValueError(f"interpolate: align_corners has no meaning for mode '{mode}'")
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: give one of size and scale_factor")
    dims = input.dim() - 2
    sizes = factors = None
    if scale_factor is not None:
        factors = [float(factor) for factor in _per_dim("scale_factor", scale_factor, dims)]
    if factors is None:
        sizes = _per_dim("size", size, dims)
        if recompute_scale_factor:
            raise ValueError("interpolate: recompute_scale_factor is not meaningful with an explicit size")
    elif recompute_scale_factor or mode == "area":
        sizes, factors = [int(length * factor) for length, factor in zip(input.shape[2:], factors)], None
    if antialias and not (mode in ("bilinear", "bicubic") and input.dim() == 4):
        raise ValueError("interpolate: antialias is for the modes bilinear and bicubic and a 4-d input")
    if (mode, input.dim()) in _PLAIN:
        return _f[_PLAIN[mode, input.dim()]](input, sizes, factors)
    if mode == "area" and input.dim() in _AREA:
        return _nn[_AREA[input.dim()]](input, sizes)
    if (mode, input.dim()) in _SMOOTH:
        name = _SMOOTH[mode, input.dim()]
        return _f[f"_{name}_aa" if antialias else name](input, sizes, bool(align_corners), factors)
    raise NotImplementedError(
        f"interpolate: mode '{mode}' does not take an input of {input.dim()} dims; the modes are {', '.join(_MODES)}"
    )


def upsample(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Tensor:
    """interpolate under its former name."""
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """interpolate by the nearest elements."""
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """interpolate linearly, with the corners of input and result at the same places."""
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


_GRID_MODES = ("bilinear", "nearest", "bicubic")
_GRID_PADDINGS = ("zeros", "border", "reflection")


def grid_sample(
    input: Tensor, grid: Tensor, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None
) -> Tensor:
    """The values of images or volumes at places in [-1, 1], the last dim's coordinate first."""
    for name, value, known in (("mode", mode, _GRID_MODES), ("padding_mode", padding_mode, _GRID_PADDINGS)):
        if value not in known:
            raise ValueError(f"grid_sample: expected {name} to be one of {', '.join(known)}, got '{value}'")
    return _f["grid_sampler"](
        input, grid, _GRID_MODES.index(mode), _GRID_PADDINGS.index(padding_mode), bool(align_corners)
    )


def affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Tensor:
    """The grid for grid_sample of a batch of affine maps, for a result of shape `size`."""
    if not theta.is_floating_point():
        raise ValueError(f"affine_grid: expected theta to have floating point type, but got {theta.dtype}")
    if len(size) not in (4, 5):
        raise NotImplementedError(f"affine_grid: only supports 4D and 5D sizes, got {tuple(size)}")
    if theta.dim() != 3 or theta.shape[-2] != len(size) - 2 or theta.shape[-1] != len(size) - 1:
        raise ValueError(
            f"affine_grid: expected a batch of affine matrices of shape Nx{len(size) - 2}x{len(size) - 1} for size "
            f"{tuple(size)}, got {tuple(theta.shape)}"
        )
    if min(size) <= 0:
        raise ValueError(f"affine_grid: expected non-zero, positive output size, got {tuple(size)}")
    return _f["affine_grid_generator"](theta, size, bool(align_corners))
