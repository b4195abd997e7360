"""Where Tenon's C interface is, for cffi, ctypes and compilers: its library, its header, what the header declares."""

from __future__ import annotations

import re
from pathlib import Path

from tenon import _C

__all__ = ["declarations", "include_path", "library_path"]


def library_path() -> str:
    """The file of the library that has the functions of tenon/c.h. This process has it loaded."""
    return _C._library_path()


def include_path() -> str:
    """The folder in which a compiler finds tenon/c.h."""
    return str(Path(__file__).with_name("include"))


def declarations() -> str:
    """The types and functions of tenon/c.h as cffi's cdef() takes them."""
    header = Path(include_path(), "tenon", "c.h").read_text(encoding="utf-8")
    return re.split(r"^// -+$", header, flags=re.MULTILINE)[1]
