"""Apple's GPUs through Metal: which Tenon has no backend for, and says so."""

from __future__ import annotations

import sys

from tenon import _C


def unavailable_reason() -> str | None:
    """Why Metal cannot be used, or None when it can."""
    if sys.platform != "darwin":
        return f"Metal is Apple's, and this machine runs {sys.platform}"
    return "this build of Tenon has no Metal backend"


def is_available() -> bool:
    """Whether tensors can be made on a Metal device."""
    return unavailable_reason() is None


def device_count() -> int:
    """The number of Metal devices that can be used."""
    return int(is_available())


def synchronize() -> None:
    """Waits until all work on the device is done; raises DeviceError where there is none."""
    if not is_available():
        raise _C.DeviceError(f"Metal is not available: {unavailable_reason()}")


def empty_cache() -> None:
    """Gives memory kept for reuse back to the device; nothing where there is none."""
