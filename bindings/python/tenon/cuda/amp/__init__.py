"""The older names of tenon.amp for one kind of device."""

from __future__ import annotations

from typing import Any

from tenon import _C
from tenon.amp import autocast_mode, grad_scaler

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]


class autocast(autocast_mode.autocast):
    """A region of tenon.amp.autocast("cuda")."""

    def __init__(self, enabled: bool = True, dtype: _C.dtype = _C.float16, cache_enabled: bool = True) -> None:
        super().__init__("cuda", dtype=dtype, enabled=enabled, cache_enabled=cache_enabled)


class GradScaler(grad_scaler.GradScaler):
    """tenon.amp.GradScaler("cuda")."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("cuda", *args, **kwargs)


def custom_fwd(fwd: Any = None, *, cast_inputs: _C.dtype | None = None) -> Any:
    """tenon.amp.custom_fwd on CUDA."""
    return autocast_mode.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd: Any = None) -> Any:
    """tenon.amp.custom_bwd on CUDA."""
    return autocast_mode.custom_bwd(bwd, device_type="cuda")
