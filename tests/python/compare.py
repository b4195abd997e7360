"""Runs one piece of code with PyTorch and with Tenon, and compares what comes out: values and layout, or the error."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import tenon
import torch

INTEGERS = ("uint8", "int8", "int16", "int32", "int64")
HALVES = ("float16", "bfloat16")
FLOATS = (*HALVES, "float32", "float64")
COMPLEX = ("complex64", "complex128")
DTYPES = ("bool", *INTEGERS, *FLOATS, *COMPLEX)
# In the order in which an error is recognised; PyTorch's NotImplementedError is a RuntimeError.
ERRORS = (
    IndexError, KeyError, TypeError, ValueError, OverflowError, ZeroDivisionError, AttributeError, RuntimeError,
    AssertionError,
)  # fmt: skip

# Code that is run with either module as its argument.
Code = Callable[[Any], Any]


class Differs(AssertionError):
    """What one library gives is not what the other gives."""


def name_of(dtype: Any) -> str:
    return str(dtype).rpartition(".")[2]


def outcome(code: Code, module: Any) -> Any:
    """What `code(module)` returns, or the error that it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return code(module)
        except ERRORS as error:
            return error


def kind_of(error: Any) -> type | None:
    return next((kind for kind in ERRORS if isinstance(error, kind)), None)


def require(condition: bool, where: str, actual: Any, expected: Any) -> None:
    if not condition:
        raise Differs(f"{where}: {actual!r}, expected {expected!r}")


def used_strides(tensor: Any) -> list[int]:
    # The stride of a dim of size one is never used.
    return [stride for stride, size in zip(tensor.stride(), tensor.shape) if size != 1]


def compare(actual: Any, expected: Any, ulps: int, scale: float, strides: bool, where: str = "result") -> None:
    """Raises Differs unless both have one structure, and their tensors one dtype, shape, layout and values."""
    if isinstance(expected, Exception) or isinstance(actual, Exception):
        require(kind_of(actual) is kind_of(expected), where, actual, expected)
    elif isinstance(expected, torch.Tensor):
        require(isinstance(actual, tenon.Tensor), where, actual, expected)
        require(name_of(actual.dtype) == name_of(expected.dtype), f"dtype of {where}", actual.dtype, expected.dtype)
        require(tuple(actual.shape) == tuple(expected.shape), f"shape of {where}", actual.shape, expected.shape)
        if strides and expected.numel() > 0:
            own, theirs = used_strides(actual), used_strides(expected)
            require(own == theirs, f"strides of {where}", own, theirs)
        require(actual.requires_grad == expected.requires_grad, f"requires_grad of {where}", actual, expected)
        own, theirs = torch.from_dlpack(actual.detach()), expected.detach().resolve_conj().resolve_neg()
        compare_values(own, theirs, ulps, scale, where)
    elif isinstance(expected, (tuple, list)):
        require(isinstance(actual, (tuple, list)) and len(actual) == len(expected), where, actual, expected)
        for i, (one, other) in enumerate(zip(actual, expected)):
            compare(one, other, ulps, scale, strides, f"{where}[{i}]")
    elif isinstance(expected, torch.dtype):
        require(name_of(actual) == name_of(expected), where, actual, expected)
    else:
        equal = actual == expected or (actual != actual and expected != expected)
        require(type(actual) is type(expected) and equal, where, actual, expected)


def compare_values(actual: Any, expected: Any, ulps: int, scale: float, where: str) -> None:
    same = (actual == expected) | ((actual != actual) & (expected != expected))
    if ulps and (expected.is_floating_point() or expected.is_complex()):
        # `ulps` units in the last place of the value, or of `scale` where that is larger.
        room = ulps * torch.finfo(expected.dtype).eps * expected.abs().double().clamp(min=scale)
        same |= (actual.to(torch.complex128) - expected.to(torch.complex128)).abs() <= room
    if not same.all():
        first = tuple((~same).nonzero()[0])
        count = f"{int((~same).sum())} of {same.numel()} elements, the first at {[int(i) for i in first]}"
        raise Differs(f"{where}: {count}: {actual[first].item()!r}, expected {expected[first].item()!r}")


Check = Callable[..., None]


@contextlib.contextmanager
def comparisons() -> Iterator[Check]:
    """Gives check(case, code, ...), which compares a case; on leaving, all cases that differ are one failure."""
    differing: list[str] = []
    count = 0

    def check(case: Any, code: Code, *, ulps: int = 0, scale: float = 0.0, strides: bool = True) -> None:
        nonlocal count
        count += 1
        try:
            compare(outcome(code, tenon), outcome(code, torch), ulps, scale, strides)
        except Differs as error:
            differing.append(f"{case}: {error}")

    yield check
    assert count > 0, "nothing was compared"
    assert not differing, f"{len(differing)} of {count} cases differ:\n" + "\n".join(differing[:12])
