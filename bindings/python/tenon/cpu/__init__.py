"""The CPU, under the names that devices have."""

from __future__ import annotations

from typing import Any

from tenon.cpu import amp

__all__ = ["amp", "current_device", "device_count", "is_available", "synchronize"]


def is_available() -> bool:
    """Whether there is a CPU: there is."""
    return True


def device_count() -> int:
    """The number of CPU devices: one, whatever its cores."""
    return 1


def current_device() -> str:
    """The device that work goes to."""
    return "cpu"


def synchronize(device: Any = None) -> None:
    """Does nothing: ops on the CPU have ended when they return."""
