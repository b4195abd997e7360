"""The dtypes with their other names, and the limits of each."""

from __future__ import annotations

import builtins

from tenon import _C

uint8 = _C.uint8
int8 = _C.int8
int16 = short = _C.int16
int32 = int = _C.int32
int64 = long = _C.int64
uint16 = _C.uint16
uint32 = _C.uint32
uint64 = _C.uint64
float16 = half = _C.float16
bfloat16 = _C.bfloat16
float32 = float = _C.float32
float64 = double = _C.float64
complex64 = cfloat = _C.complex64
complex128 = cdouble = _C.complex128
bool = _C.bool

# bits, digits of the mantissa after the point, smallest exponent, decimal resolution
_FLOATS = {
    float16: (16, 10, -14, 1e-3),
    bfloat16: (16, 7, -126, 1e-2),
    float32: (32, 23, -126, 1e-6),
    float64: (64, 52, -1022, 1e-15),
}


class _Limits:
    """Read-only values with a repr that names them."""

    def __init__(self, **values: object) -> None:
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is read-only")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key}={value}' for key, value in self.__dict__.items())})"

    def __eq__(self, other: object) -> builtins.bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> builtins.int:
        return hash(tuple(self.__dict__.items()))


class finfo(_Limits):
    """The limits of a floating dtype."""

    def __init__(self, type: _C.dtype | None = None) -> None:
        real = (type or _C.get_default_dtype()).to_real()
        if real not in _FLOATS:
            raise TypeError(f"finfo requires a floating point input type. Use iinfo to handle '{real}'")
        bits, mantissa, exponent, resolution = _FLOATS[real]
        largest = (2.0 - 2.0**-mantissa) * 2.0 ** (1 - exponent)
        super().__init__(
            resolution=resolution,
            min=-largest,
            max=largest,
            eps=2.0**-mantissa,
            smallest_normal=2.0**exponent,
            tiny=2.0**exponent,
            bits=bits,
            dtype=repr(real).rpartition(".")[2],
        )


class iinfo(_Limits):
    """The limits of an integer dtype."""

    def __init__(self, type: _C.dtype) -> None:
        if type.is_floating_point or type.is_complex or type is bool:
            raise TypeError(f"iinfo requires an integer input type, not '{type}'")
        bits = 8 * type.itemsize
        super().__init__(
            min=-(2 ** (bits - 1)) if type.is_signed else 0,
            max=2 ** (bits - 1) - 1 if type.is_signed else 2**bits - 1,
            bits=bits,
            dtype=repr(type).rpartition(".")[2],
        )
