"""Images as PNG files, for where no image library is at hand."""

from __future__ import annotations

import struct
import zlib

from tenon import Tensor

__all__ = ["png"]

_COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


def png(image: Tensor) -> bytes:
    """The file of an image of bytes (height, width, channels): gray, gray and alpha, RGB or RGBA."""
    height, width, channels = image.shape
    if channels not in _COLOR_TYPES:
        raise ValueError(f"png: an image has 1 to 4 channels, got {channels}")
    rows = image.contiguous().view(height, -1)
    # Each row begins with the number of its filter: none.
    pixels = rows.new_zeros(height, rows.shape[1] + 1)
    pixels[:, 1:] = rows

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, _COLOR_TYPES[channels], 0, 0, 0)
    data = zlib.compress(bytes(memoryview(pixels.view(-1).numpy())))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
