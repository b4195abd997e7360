"""Submodules of the top-level module that are loaded when they are first used."""

from __future__ import annotations

import sys
from typing import Any

_SUBMODULES = (
    "accelerator",
    "backends",
    "config",
    "distributions",
    "fft",
    "functional",
    "interop",
    "linalg",
    "masked",
    "metal",
    "mps",
    "operations",
    "run",
    "signal",
    "special",
)


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        import importlib

        return importlib.import_module(f"tenon.{name}")
    raise AttributeError(f"module 'tenon' has no attribute {name!r}: Tenon lacks it", name=name)


def __dir__() -> list[str]:
    return sorted({*vars(sys.modules["tenon"]), *_SUBMODULES})
