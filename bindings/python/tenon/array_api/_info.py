"""What the namespace says of itself: devices, dtypes and limits."""

from __future__ import annotations

from typing import Any

from tenon import _C, cuda
from tenon._C import device, dtype
from tenon.array_api._dtypes import isdtype

_NAMES = (
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128"
).split()  # fmt: skip


class Info:
    """What the array API lets programs ask."""

    def capabilities(self) -> dict[str, Any]:
        """What does not hold for every library."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> device:
        """The device of new arrays."""
        return _C.get_default_device()

    def default_dtypes(self, *, device: Any = None) -> dict[str, dtype]:
        """The dtypes of new arrays of each kind."""
        real = _C.get_default_dtype()
        return {"real floating": real, "complex floating": real.to_complex(), "integral": _C.int64,
                "indexing": _C.int64}  # fmt: skip

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, dtype]:
        """The dtypes of the standard, by name, of one kind or of several."""
        every = {name: getattr(_C, name) for name in _NAMES}
        return {name: one for name, one in every.items() if kind is None or isdtype(one, kind)}

    def devices(self) -> tuple[device, ...]:
        """The devices that arrays can be on."""
        return (_C.device("cpu"), *(_C.device("cuda", index) for index in range(cuda.device_count())))


def __array_namespace_info__() -> Info:
    """What this namespace says of itself."""
    return Info()
