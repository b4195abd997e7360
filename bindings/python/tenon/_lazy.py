"""Submodules of the top-level module that are loaded when they are first used."""

from __future__ import annotations

import importlib
from typing import Any

_SUBMODULES = ("distributions",)


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"tenon.{name}")
    raise AttributeError(f"module 'tenon' has no attribute '{name}'")
