"""The dtypes with their other names, and the limits of each."""

from __future__ import annotations

from dataclasses import dataclass

from tenon import _C

uint8 = _C.uint8
int8 = _C.int8
int16 = short = _C.int16
int32 = int = _C.int32
int64 = long = _C.int64
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


@dataclass(frozen=True, init=False)
class finfo:
    """The limits of a floating dtype."""

    bits: "__builtins__.int"  # type: ignore
    resolution: "__builtins__.float"  # type: ignore
    min: "__builtins__.float"  # type: ignore
    max: "__builtins__.float"  # type: ignore
    eps: "__builtins__.float"  # type: ignore
    smallest_normal: "__builtins__.float"  # type: ignore
    tiny: "__builtins__.float"  # type: ignore
    dtype: str

    def __init__(self, type: _C.dtype | None = None) -> None:
        real = (type or _C.get_default_dtype()).to_real()
        if real not in _FLOATS:
            raise TypeError(f"finfo requires a floating point input type. Use iinfo to handle '{real}'")
        bits, mantissa, exponent, resolution = _FLOATS[real]
        largest = (2.0 - 2.0**-mantissa) * 2.0 ** (1 - exponent)
        values = {
            "bits": bits,
            "resolution": resolution,
            "min": -largest,
            "max": largest,
            "eps": 2.0**-mantissa,
            "smallest_normal": 2.0**exponent,
            "tiny": 2.0**exponent,
            "dtype": repr(real).rpartition(".")[2],
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True, init=False)
class iinfo:
    """The limits of an integer dtype."""

    bits: "__builtins__.int"  # type: ignore
    max: "__builtins__.int"  # type: ignore
    min: "__builtins__.int"  # type: ignore
    dtype: str

    def __init__(self, type: _C.dtype) -> None:
        if type.is_floating_point or type.is_complex or type == bool:
            raise TypeError(f"iinfo requires an integer input type, not '{type}'")
        bits = 8 * type.itemsize
        values = {
            "bits": bits,
            "max": 2 ** (bits - 1) - 1 if type.is_signed else 2**bits - 1,
            "min": -(2 ** (bits - 1)) if type.is_signed else 0,
            "dtype": repr(type).rpartition(".")[2],
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
