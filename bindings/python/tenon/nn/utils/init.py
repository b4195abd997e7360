"""Modules made without the random numbers of their initial values."""

from __future__ import annotations

import inspect
from typing import Any

from tenon.nn.modules.module import Module
from tenon.random import get_rng_state, set_rng_state


def skip_init(module_cls: Any, *args: Any, **kwargs: Any) -> Any:
    """A module whose parameters hold no values in particular; the generator of random numbers stays as it is."""
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    state = get_rng_state()
    try:
        return module_cls(*args, **kwargs)
    finally:
        set_rng_state(state)
