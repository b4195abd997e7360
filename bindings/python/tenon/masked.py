"""Reductions and normalisations of the elements that a mask selects, as torch.masked has them.

The others take the value that does not change the result: zero in a sum, minus infinity in a maximum.
"""

from __future__ import annotations

from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon._dtypes import iinfo

_f = _C.functions
_INFINITY = float("inf")


def _dims(dim: Any, ndim: int) -> tuple[int, ...]:
    # A list of dims, in order; None and an empty one stand for all.
    if dim is None or dim == ():
        return tuple(range(ndim))
    ndim = max(ndim, 1)
    dims: list[int] = []
    for d in (dim,) if isinstance(dim, int) else dim:
        if not -ndim <= d < ndim:
            raise IndexError(f"masked: dim {d} is out of range, expected -{ndim} to {ndim - 1}")
        if d % ndim in dims:
            raise RuntimeError(f"masked: dim {d} appears multiple times in the list of dims {dim}")
        dims.append(d % ndim)
    return tuple(sorted(dims))


def _selected(input: Tensor, mask: Tensor) -> Tensor:
    # The mask as bools of input's shape.
    if mask.ndim > input.ndim:
        raise IndexError(f"masked: a mask of {mask.ndim} dims does not broadcast to an input of {input.ndim}")
    return mask.to(_C.bool).broadcast_to(input.shape)


def _lowest(dtype: _C.dtype) -> Any:
    return -_INFINITY if dtype.is_floating_point or dtype.is_complex else iinfo(dtype).min


def _highest(dtype: _C.dtype) -> Any:
    return _INFINITY if dtype.is_floating_point else iinfo(dtype).max


def _filled(input: Tensor, mask: Tensor | None, value: Any) -> Tensor:
    # `value` in the place of what the mask leaves out.
    return input if mask is None else _f["where"](_selected(input, mask), input, value)


def _sum_dtype(input: Tensor, dtype: Any) -> Any:
    integral = not (input.dtype.is_floating_point or input.dtype.is_complex)
    return dtype or (_C.int64 if integral else input.dtype)


def sum(input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Tensor:
    """The sum of the selected elements; of integers in int64."""
    return _filled(input, mask, 0).sum(_dims(dim, input.ndim), keepdim, dtype=_sum_dtype(input, dtype))


def prod(input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Tensor:
    """The product of the selected elements; of integers in int64."""
    result = _filled(input, mask, 1).to(_sum_dtype(input, dtype))
    for d in reversed(_dims(dim, input.ndim)):
        result = result.prod(d, keepdim)
    return result


def cumsum(input: Tensor, dim: int, *, dtype: Any = None, mask: Any = None) -> Tensor:
    """The sum of the selected elements up to each."""
    return _filled(input, mask, 0).cumsum(_dims(dim, input.ndim)[0], dtype=dtype or input.dtype)


def cumprod(input: Tensor, dim: int, *, dtype: Any = None, mask: Any = None) -> Tensor:
    """The product of the selected elements up to each."""
    return _filled(input, mask, 1).cumprod(_dims(dim, input.ndim)[0], dtype=dtype or input.dtype)


def amax(input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Tensor:
    """The largest of the selected elements."""
    return _filled(input, mask, _lowest(input.dtype)).amax(_dims(dim, input.ndim), keepdim).to(dtype or input.dtype)


def amin(input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Tensor:
    """The smallest of the selected elements."""
    return _filled(input, mask, _highest(input.dtype)).amin(_dims(dim, input.ndim), keepdim).to(dtype or input.dtype)


def argmax(
    input: Tensor, dim: int | None = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None
) -> Tensor:
    """Where the largest of the selected elements is."""
    return _filled(input, mask, _lowest(input.dtype)).argmax(dim, keepdim).to(dtype or input.dtype)


def argmin(
    input: Tensor, dim: int | None = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None
) -> Tensor:
    """Where the smallest of the selected elements is."""
    return _filled(input, mask, _highest(input.dtype)).argmin(dim, keepdim).to(dtype or input.dtype)


def _count(input: Tensor, dim: Any, keepdim: bool, mask: Tensor | None) -> Tensor:
    # How many elements are selected.
    selected = _f["ones_like"](input, dtype=_C.bool) if mask is None else _selected(input, mask)
    return selected.sum(_dims(dim, input.ndim), keepdim)


def mean(input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Tensor:
    """The mean of the selected elements."""
    dtype = dtype or input.dtype
    if not (dtype.is_floating_point or dtype.is_complex):
        raise ValueError(f"mean(): the result must have a floating-point or complex dtype, got {dtype}")
    return sum(input, dim, keepdim=keepdim, dtype=dtype, mask=mask) / _count(input, dim, keepdim, mask)


def median(input: Tensor, dim: int = -1, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Tensor:
    """The lower median of the selected elements."""
    floating = input.is_floating_point()
    values = _filled(input if floating else input.to(_C.float32), mask, float("nan"))
    result = values.nanmedian(_dims(dim, input.ndim)[0], keepdim).values
    if floating:
        return result
    if result.isnan().any():
        raise ValueError("masked median expects no fully masked out rows if dtype is not floating point")
    return result.to(dtype or input.dtype)


def logsumexp(input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Tensor:
    """log(sum(exp(input))) of the selected elements."""
    return (
        _filled(input, mask, _lowest(input.dtype)).logsumexp(_dims(dim, input.ndim), keepdim).to(dtype or input.dtype)
    )


def logaddexp(
    input: Tensor, other: Tensor, *, dtype: Any = None, input_mask: Any = None, other_mask: Any = None
) -> Tensor:
    """log(exp(input) + exp(other)) of the elements that each mask selects."""
    one = _filled(input, input_mask, _lowest(input.dtype))
    return one.logaddexp(_filled(other, other_mask, _lowest(other.dtype))).to(dtype or input.dtype)


def norm(
    input: Tensor,
    ord: float | None = 2.0,
    dim: Any = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Any = None,
) -> Tensor:
    """The norm of order `ord` of the selected elements as a vector."""
    values = _filled(input, mask, _INFINITY if ord == -_INFINITY else 0)
    return _C.linalg_functions["vector_norm"](
        values, 2 if ord is None else ord, _dims(dim, input.ndim), keepdim, dtype=dtype or input.dtype
    )


def _variance(
    input: Tensor, dim: Any, unbiased: bool | None, correction: Any, keepdim: bool, dtype: Any, mask: Tensor | None
) -> Tensor:
    if unbiased is not None and correction is not None:
        raise AssertionError("Only one of unbiased and correction may be given")
    if correction is None:
        correction = 0.0 if unbiased is False else 1.0
    floating = input.dtype.is_floating_point or input.dtype.is_complex
    dtype = dtype or (input.dtype if floating else _C.float32)
    compute = dtype if dtype.is_floating_point or dtype.is_complex else _C.float32
    centred = input - sum(input, dim, keepdim=True, dtype=dtype, mask=mask) / _count(input, dim, True, mask)
    total = sum(centred * centred.conj(), dim, keepdim=keepdim, dtype=compute, mask=mask)
    count = _count(input, dim, keepdim, mask)
    if correction != 0:
        count = (count.to(compute.to_real()) - float(correction)).clamp_min(0)
    return (total / count).to(dtype)


def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    *,
    correction: Any = None,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Any = None,
) -> Tensor:
    """The variance of the selected elements."""
    return _variance(input, dim, unbiased, correction, keepdim, dtype, mask)


def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    *,
    correction: Any = None,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Any = None,
) -> Tensor:
    """The standard deviation of the selected elements."""
    return _variance(input, dim, unbiased, correction, keepdim, dtype, mask).sqrt()


def softmax(input: Tensor, dim: int, *, dtype: Any = None, mask: Any = None) -> Tensor:
    """softmax over the selected elements, and zero for the others."""
    return _filled(input, mask, _lowest(input.dtype)).softmax(_dims(dim, input.ndim)[0], dtype or input.dtype)


def log_softmax(input: Tensor, dim: int, *, dtype: Any = None, mask: Any = None) -> Tensor:
    """The logarithm of softmax over the selected elements."""
    return _filled(input, mask, _lowest(input.dtype)).log_softmax(_dims(dim, input.ndim)[0], dtype or input.dtype)


def softmin(input: Tensor, dim: int, *, dtype: Any = None, mask: Any = None) -> Tensor:
    """softmax of -input over the selected elements."""
    return (-_filled(input, mask, _highest(input.dtype))).softmax(_dims(dim, input.ndim)[0], dtype or input.dtype)


def normalize(
    input: Tensor, ord: float, dim: int, *, eps: float = 1e-12, dtype: Any = None, mask: Any = None
) -> Tensor:
    """The selected elements divided by their norm along `dim`, and zero for the others."""
    length = norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    return _filled(input, mask, 0) / length.maximum(length.new_full((), eps))
