"""Settings of tenon.serialization that programs make: some change what load() does, others are kept as they are."""

from __future__ import annotations

import enum
import mmap


class SourceChangeWarning(Warning):
    """The source of a loaded module is not what it was when it was saved: Tenon does not compare them."""


class LoadEndianness(enum.Enum):
    """The order of bytes in files that do not say theirs."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


_endianness: LoadEndianness | None = None
_computes_crc32 = True


def get_default_load_endianness() -> LoadEndianness | None:
    """The order of bytes in archives that do not say theirs; None is little."""
    return _endianness


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Sets the order of bytes in archives that do not say theirs."""
    global _endianness
    if not isinstance(endianness, LoadEndianness) and endianness is not None:
        raise TypeError("Invalid argument type in function set_default_load_endianness")
    _endianness = endianness


def get_crc32_options() -> bool:
    """Whether save() was told to write checksums; it always does, which costs little."""
    return _computes_crc32


def set_crc32_options(compute_crc32: bool) -> None:
    """Keeps whether checksums are wanted."""
    global _computes_crc32
    _computes_crc32 = compute_crc32


def get_default_mmap_options() -> int:
    """How files are mapped: mmap.MAP_PRIVATE, so that edits of tensors never reach them."""
    return mmap.MAP_PRIVATE


class set_default_mmap_options:
    """Accepts mmap.MAP_PRIVATE, for good or for a block; edits of mapped tensors cannot be made to reach the file."""

    def __init__(self, flags: int) -> None:
        if flags == mmap.MAP_SHARED:
            raise NotImplementedError("set_default_mmap_options: Tenon maps files by mmap.MAP_PRIVATE only")
        if flags != mmap.MAP_PRIVATE:
            raise ValueError(
                "Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE or mmap.MAP_SHARED, "
                f"but got {flags}"
            )

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        pass
