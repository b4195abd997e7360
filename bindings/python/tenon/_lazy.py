"""Attributes of modules that are imported when they are first used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

_STORAGES = {
    f"{name}Storage": "storage"
    for name in (
        *("Byte", "Char", "Short", "Int", "Long", "Half", "BFloat16", "Float", "Double", "Bool"),
        *("ComplexFloat", "ComplexDouble"),
    )
}

# Of the top-level module.
_HOMES = {
    name: name
    for name in (
        "__config__",
        "_dynamo",
        "accelerator",
        "amp",
        "array_api",
        "backends",
        "c",
        "compiler",
        "config",
        "cpu",
        "data",
        "distributed",
        "distributions",
        "fft",
        "func",
        "functional",
        "hub",
        "interop",
        "io",
        "jit",
        "linalg",
        "masked",
        "metal",
        "mps",
        "multiprocessing",
        "onnx",
        "operations",
        "optim",
        "run",
        "safetensors",
        "serialization",
        "serialize",
        "signal",
        "special",
        "testing",
        "text",
        "types",
        "vision",
    )
} | _STORAGES | {"vmap": "func", "autocast": "amp"} | dict.fromkeys(("load", "save"), "serialization")
_HOMES |= dict.fromkeys(("lobpcg", "pca_lowrank", "svd_lowrank"), "_lowrank")
_HOMES |= dict.fromkeys(("_weight_norm", "norm_except_dim"), "nn.utils.weight_norm")
_HOMES |= dict.fromkeys(
    (
        "autocast_decrement_nesting",
        "autocast_increment_nesting",
        "clear_autocast_cache",
        "get_autocast_cpu_dtype",
        "get_autocast_dtype",
        "get_autocast_gpu_dtype",
        "is_autocast_cache_enabled",
        "is_autocast_cpu_enabled",
        "is_autocast_enabled",
        "set_autocast_cache_enabled",
        "set_autocast_cpu_dtype",
        "set_autocast_cpu_enabled",
        "set_autocast_dtype",
        "set_autocast_enabled",
        "set_autocast_gpu_dtype",
    ),
    "amp.autocast_mode",
)


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
