"""Attributes of modules that are imported when they are first used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

# Of the top-level module.
_HOMES = {
    name: name
    for name in (
        "accelerator",
        "array_api",
        "backends",
        "config",
        "distributions",
        "fft",
        "func",
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
        "testing",
        "vision",
    )
} | {"vmap": "func"} | dict.fromkeys(("lobpcg", "pca_lowrank", "svd_lowrank"), "_lowrank")


def lazy_attributes(package: str, homes: dict[str, str]) -> Callable[[str], Any]:
    """A module's `__getattr__`: `homes` says in which submodule each name is; one of its own name is that itself."""

    def find(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}: Tenon lacks it", name=name)
        module = importlib.import_module(f"{package}.{home}")
        value = module if home == name else getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    return find


__getattr__ = lazy_attributes("tenon", _HOMES)


def __dir__() -> list[str]:
    return sorted({*vars(sys.modules["tenon"]), *_HOMES})
