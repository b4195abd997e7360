"""Functions of each element."""

from __future__ import annotations

from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.array_api._dtypes import iinfo, promoted

_ops = _C.functions

abs = _ops["abs"]
acos = _ops["acos"]
acosh = _ops["acosh"]
asin = _ops["asin"]
asinh = _ops["asinh"]
atan = _ops["atan"]
atanh = _ops["atanh"]
bitwise_invert = _ops["bitwise_not"]
ceil = _ops["ceil"]
conj = _ops["conj"]
cos = _ops["cos"]
cosh = _ops["cosh"]
exp = _ops["exp"]
floor = _ops["floor"]
imag = _ops["imag"]
isfinite = _ops["isfinite"]
isinf = _ops["isinf"]
isnan = _ops["isnan"]
log = _ops["log"]
log1p = _ops["log1p"]
log2 = _ops["log2"]
log10 = _ops["log10"]
logical_not = _ops["logical_not"]
negative = _ops["negative"]
positive = _ops["positive"]
real = _ops["real"]
reciprocal = _ops["reciprocal"]
signbit = _ops["signbit"]
sin = _ops["sin"]
sinh = _ops["sinh"]
sqrt = _ops["sqrt"]
square = _ops["square"]
tan = _ops["tan"]
tanh = _ops["tanh"]
trunc = _ops["trunc"]


def _binary(op_name: str, name: str = "") -> Any:
    op = _ops[op_name]

    def function(x1: Tensor | complex, x2: Tensor | complex, /) -> Tensor:
        return op(*promoted(x1, x2))

    function.__name__ = function.__qualname__ = name or op_name
    function.__doc__ = op.__doc__
    return function


add = _binary("add")
atan2 = _binary("atan2")
bitwise_and = _binary("bitwise_and")
bitwise_left_shift = _binary("bitwise_left_shift")
bitwise_or = _binary("bitwise_or")
bitwise_right_shift = _binary("bitwise_right_shift")
bitwise_xor = _binary("bitwise_xor")
copysign = _binary("copysign")
divide = _binary("divide")
equal = _binary("eq", "equal")
greater = _binary("greater")
greater_equal = _binary("greater_equal")
hypot = _binary("hypot")
less = _binary("less")
less_equal = _binary("less_equal")
logaddexp = _binary("logaddexp")
logical_and = _binary("logical_and")
logical_or = _binary("logical_or")
logical_xor = _binary("logical_xor")
maximum = _binary("maximum")
minimum = _binary("minimum")
multiply = _binary("multiply")
nextafter = _binary("nextafter")
not_equal = _binary("not_equal")
pow = _binary("pow")
subtract = _binary("subtract")


def expm1(x: Tensor, /) -> Tensor:
    """exp(x) - 1, exact for small x; of infinite complex numbers too, where PyTorch has NaN."""
    result = _ops["expm1"](x)
    if not x.is_complex():
        return result
    power = exp(x)
    return _ops["where"](isfinite(x), result, _ops["complex"](power.real - 1, power.imag))


def floor_divide(x1: Tensor | complex, x2: Tensor | complex, /) -> Tensor:
    """The quotient rounded down; of infinite numbers the floor of the quotient, where PyTorch has NaN or -1."""
    x1, x2 = promoted(x1, x2)
    quotient = _ops["floor_divide"](x1, x2)
    if not quotient.is_floating_point():
        return quotient
    return _ops["where"](isfinite(x1) & isfinite(x2), quotient, floor(x1 / x2))


def remainder(x1: Tensor | complex, x2: Tensor | complex, /) -> Tensor:
    """What is left of the quotient rounded down, with the sign of `x2`, which zeros have too."""
    x1, x2 = promoted(x1, x2)
    left = _ops["remainder"](x1, x2)
    return _ops["copysign"](left, x2) if left.is_floating_point() else left


def round(x: Tensor, /) -> Tensor:
    """The nearest whole numbers, the even one of two."""
    return _ops["complex"](x.real.round(), x.imag.round()) if x.is_complex() else x.round()


def sign(x: Tensor, /) -> Tensor:
    """-1, 0 or 1, of complex numbers those of length 1; NaN stays."""
    signs = x.sgn()
    return _ops["where"](isnan(x), x, signs) if x.is_floating_point() else signs


def _bound(x: Tensor, bound: Any) -> Any:
    # A number beyond what the dtype holds is as good as the last one that it holds.
    if type(bound) is int and not x.is_floating_point():
        limits = iinfo(x)
        bound = limits.min if bound < limits.min else limits.max if bound > limits.max else bound
    if bound is None or isinstance(bound, Tensor):
        return bound
    return _C.tensor(bound, dtype=x.dtype, device=x.device)


def clip(x: Tensor, /, min: Any = None, max: Any = None) -> Tensor:
    """The array with nothing below `min` and nothing above `max`."""
    low, high = _bound(x, min), _bound(x, max)
    if low is None and high is None:
        return x.clone()
    arrays = iter(promoted(x, *(bound for bound in (low, high) if bound is not None)))
    return next(arrays).clamp(low if low is None else next(arrays), high if high is None else next(arrays))


def where(condition: Tensor, x1: Tensor | complex, x2: Tensor | complex, /) -> Tensor:
    """`x1` where the condition holds, `x2` elsewhere."""
    return _ops["where"](condition, *promoted(x1, x2))
