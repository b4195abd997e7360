"""assert_close: values that may differ by rounding, in tensors, arrays, numbers, sequences and mappings."""

from __future__ import annotations

import cmath
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from tenon import _C
from tenon._C import Tensor

__all__ = ["assert_allclose", "assert_close"]

# rtol and atol; other dtypes must be equal
_TOLERANCES = {
    _C.float16: (1e-3, 1e-5),
    _C.bfloat16: (1.6e-2, 1e-5),
    _C.float32: (1.3e-6, 1e-5),
    _C.float64: (1e-7, 1e-7),
    _C.complex64: (1.3e-6, 1e-5),
    _C.complex128: (1e-7, 1e-7),
}
_NUMBER_DTYPES = {int: _C.int64, float: _C.float64, complex: _C.complex128}


class _Options(NamedTuple):
    allow_subclasses: bool
    rtol: float | None
    atol: float | None
    equal_nan: bool
    check_device: bool
    check_dtype: bool
    check_layout: bool
    check_stride: bool


class _Mismatch(Exception):
    """Why two values are not close; `path` leads to them."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.path: list[Any] = []


def _tolerances(options: _Options, *dtypes: _C.dtype) -> tuple[float, float]:
    if options.rtol is not None and options.atol is not None:
        return options.rtol, options.atol
    both = [_TOLERANCES.get(dtype, (0.0, 0.0)) for dtype in dtypes]
    return max(one[0] for one in both), max(one[1] for one in both)


def _is_numpy(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, (numpy.ndarray, numpy.generic))


# --- differences in words


def _allowed(tolerance: float, rtol: float, atol: float) -> str:
    return f" (up to {tolerance} allowed)" if rtol or atol else ""


def _scalar_message(actual: Any, expected: Any, rtol: float, atol: float) -> str:
    difference = abs(actual - expected)
    relative = float("inf") if expected == 0 else difference / abs(expected)
    close = "close" if rtol or atol else "equal"
    return (
        f"Scalars are not {close}!\n\nExpected {expected} but got {actual}.\n"
        f"Absolute difference: {difference}{_allowed(atol, rtol, atol)}\n"
        f"Relative difference: {relative}{_allowed(rtol, rtol, atol)}"
    )


def _tensor_message(actual: Tensor, expected: Tensor, same: Tensor, rtol: float, atol: float) -> str:
    mismatched, total = int((~same).sum().item()), same.numel()
    wide = actual.dtype if actual.is_floating_point() or actual.is_complex() else _C.int64
    actual, expected = actual.to(wide).flatten(), expected.to(wide).flatten()
    hidden = same.flatten()
    absolute = (actual - expected).abs()
    # What is close has no part in the extremes.
    absolute[hidden] = 0
    relative = absolute / expected.abs()
    relative[hidden] = 0

    def extreme(name: str, differences: Tensor, tolerance: float) -> str:
        place = int(differences.argmax().item())
        index = []
        for size in reversed(same.shape):
            index.append(place % size)
            place //= size
        value = differences.max().item()
        return f"Greatest {name} difference: {value} at index {tuple(reversed(index))}{_allowed(tolerance, rtol, atol)}"

    close = "close" if rtol or atol else "equal"
    return (
        f"Tensor-likes are not {close}!\n\n"
        f"Mismatched elements: {mismatched} / {total} ({mismatched / total:.1%})\n"
        f"{extreme('absolute', absolute, atol)}\n{extreme('relative', relative, rtol)}"
    )


# --- pairs


def _compare_attribute(name: str, actual: Any, expected: Any) -> None:
    if actual != expected:
        raise _Mismatch(f"The values for attribute '{name}' do not match: {actual} != {expected}.")


def _compare_tensors(actual: Tensor, expected: Tensor, options: _Options) -> None:
    actual, expected = actual.detach(), expected.detach()
    _compare_attribute("shape", actual.shape, expected.shape)
    if options.check_device:
        _compare_attribute("device", actual.device, expected.device)
    if options.check_layout:
        _compare_attribute("layout", actual.layout, expected.layout)
    if options.check_dtype:
        _compare_attribute("dtype", actual.dtype, expected.dtype)
    if options.check_stride:
        _compare_attribute("stride()", actual.stride(), expected.stride())
    rtol, atol = _tolerances(options, actual.dtype, expected.dtype)
    actual, expected = actual.to(expected.device), expected
    if actual.dtype is not expected.dtype:
        common = _C.promote_types(actual.dtype, expected.dtype)
        actual, expected = actual.to(common), expected.to(common)
    same = actual.isclose(expected, rtol=rtol, atol=atol, equal_nan=options.equal_nan)
    if same.all().item():
        return
    if actual.shape == ():
        raise _Mismatch(_scalar_message(actual.item(), expected.item(), rtol, atol))
    raise _Mismatch(_tensor_message(actual, expected, same, rtol, atol))


def _compare_numbers(actual: Any, expected: Any, options: _Options) -> None:
    if options.check_dtype and type(actual) is not type(expected):
        raise _Mismatch(f"The (d)types do not match: {type(actual)} != {type(expected)}.")
    rtol, atol = _tolerances(options, *(_NUMBER_DTYPES[type(value)] for value in (actual, expected)))
    if actual == expected or (options.equal_nan and actual != actual and expected != expected):
        return
    difference = abs(actual - expected)
    if cmath.isfinite(difference) and difference <= atol + rtol * abs(expected):
        return
    raise _Mismatch(_scalar_message(actual, expected, rtol, atol))


def _is_pair(actual: Any, expected: Any, kinds: Any) -> bool:
    return isinstance(actual, kinds) and isinstance(expected, kinds)


def _has_tensor(*values: Any) -> bool:
    return any(isinstance(value, Tensor) for value in values)


def _cannot_compare(actual: Any, expected: Any) -> TypeError:
    return TypeError(f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}.")


def _compare(actual: Any, expected: Any, options: _Options) -> None:
    texts = (str, bytes)
    if _is_pair(actual, expected, Sequence) and not isinstance(actual, texts) and not isinstance(expected, texts):
        if len(actual) != len(expected):
            raise _Mismatch(f"The length of the sequences mismatch: {len(actual)} != {len(expected)}")
        _compare_items(range(len(actual)), actual, expected, options)
    elif _is_pair(actual, expected, Mapping):
        missing, extra = set(expected) - set(actual), set(actual) - set(expected)
        if missing or extra:
            raise _Mismatch(
                "The keys of the mappings do not match:\n"
                f"Missing keys in the actual mapping: {sorted(missing)}\n"
                f"Additional keys in the actual mapping: {sorted(extra)}"
            )
        keys = list(actual)
        try:
            keys.sort()
        except TypeError:
            pass
        _compare_items(keys, actual, expected, options)
    elif actual is None or expected is None:
        if actual is not expected:
            raise _Mismatch(f"None mismatch: {actual} is not {expected}")
    elif _is_pair(actual, expected, bool):
        if actual is not expected:
            raise _Mismatch(f"Booleans mismatch: {actual} is not {expected}")
    elif type(actual) in _NUMBER_DTYPES and type(expected) in _NUMBER_DTYPES:
        _compare_numbers(actual, expected, options)
    elif _is_pair(actual, expected, Tensor):
        if not options.allow_subclasses and type(actual) is not type(expected):
            raise _cannot_compare(actual, expected)
        _compare_tensors(actual, expected, options)
    elif (_is_numpy(actual) or _is_numpy(expected)) and not _has_tensor(actual, expected):
        try:
            tensors = _C.as_tensor(actual), _C.as_tensor(expected)
        except (TypeError, ValueError, RuntimeError):
            raise _cannot_compare(actual, expected) from None
        _compare_tensors(*tensors, options)
    else:
        raise _cannot_compare(actual, expected)


def _compare_items(keys: Any, actual: Any, expected: Any, options: _Options) -> None:
    for key in keys:
        try:
            _compare(actual[key], expected[key], options)
        except _Mismatch as mismatch:
            mismatch.path.insert(0, key)
            raise


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raises AssertionError unless |actual - expected| <= atol + rtol |expected| everywhere, with tolerances that
    follow from the dtypes where none are given."""
    __tracebackhide__ = True
    if (rtol is None) != (atol is None):
        name = "rtol" if rtol is None else "atol"
        raise ValueError(f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {name}.")
    options = _Options(allow_subclasses, rtol, atol, equal_nan, check_device, check_dtype, check_layout, check_stride)
    try:
        _compare(actual, expected, options)
    except _Mismatch as mismatch:
        text = str(mismatch)
        if mismatch.path:
            text += f"\n\nThe failure occurred for item {''.join(f'[{key!r}]' for key in mismatch.path)}"
        text = text if msg is None else msg(text) if callable(msg) else msg
    else:
        return
    raise AssertionError(text)


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """The older form of assert_close, which looks at values alone."""
    actual = actual if isinstance(actual, Tensor) else _C.tensor(actual)
    expected = expected if isinstance(expected, Tensor) else _C.tensor(expected, dtype=actual.dtype)
    assert_close(
        actual,
        expected,
        rtol=rtol,
        atol=atol,
        equal_nan=equal_nan,
        check_device=True,
        check_dtype=False,
        check_stride=False,
        msg=msg or None,
    )
