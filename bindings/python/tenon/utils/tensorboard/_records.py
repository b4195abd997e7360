"""The format of event files: protocol buffers of TensorFlow's, as fields of bytes, in records with checksums."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

from tenon import _C

__all__ = ["doubles", "field", "integers", "number", "real", "record", "text"]


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _key(index: int, kind: int) -> bytes:
    return _varint(index << 3 | kind)


def field(index: int, *parts: bytes) -> bytes:
    """A field that holds bytes or the fields of a message."""
    content = b"".join(parts)
    return _key(index, 2) + _varint(len(content)) + content


def text(index: int, value: Any) -> bytes:
    """A field of text."""
    return field(index, str(value).encode())


def number(index: int, value: int) -> bytes:
    """A field of an integer."""
    return _key(index, 0) + _varint(int(value))


def real(index: int, value: float, double: bool = True) -> bytes:
    """A field of a float64 or a float32."""
    return _key(index, 1 if double else 5) + struct.pack("<d" if double else "<f", value)


def doubles(index: int, values: Iterable[float]) -> bytes:
    """A repeated field of float64s."""
    values = list(values)
    return field(index, struct.pack(f"<{len(values)}d", *values))


def integers(index: int, values: Iterable[int]) -> bytes:
    """A repeated field of integers."""
    return field(index, *(_varint(value) for value in values))


def _checksum(content: bytes) -> bytes:
    crc = _C._crc32c(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def record(content: bytes) -> bytes:
    """A record of the file: length, content, and the checksums of both."""
    length = struct.pack("<Q", len(content))
    return length + _checksum(length) + content + _checksum(content)
