"""The accelerator of this machine, whichever kind it is; without one everything answers that there is none."""

from __future__ import annotations

from typing import Any

from tenon import _C, cuda


def is_available() -> bool:
    """Whether tensors can be made on an accelerator."""
    return cuda.is_available()


def device_count() -> int:
    """The number of accelerators that can be used."""
    return cuda.device_count()


def current_accelerator(check_available: bool = False) -> _C.device | None:
    """The kind of accelerator that this machine has, as a device without an index; None where there is none."""
    return _C.device("cuda") if is_available() else None


def _check(index: Any) -> int:
    # The number of a device that can be used.
    where = index if isinstance(index, int) else (_C.device(index).index or 0)
    if not 0 <= where < device_count():
        raise _C.DeviceError(f"accelerator: there is no device {index!r}; {device_count()} can be used")
    return where


def current_device_index() -> int:
    """The index of the device that work goes to."""
    return _check(0)


def set_device_index(device: Any) -> None:
    """Sends work to a device; raises DeviceError where there is no such one."""
    _check(device)


class device_index:
    """Sends work to a device within its block; None leaves it where it is."""

    def __init__(self, device: int | None) -> None:
        self.index = device

    def __enter__(self) -> None:
        if self.index is not None:
            _check(self.index)

    def __exit__(self, *exception: object) -> None:
        pass


def synchronize(device: Any = None) -> None:
    """Waits until all work on a device is done; raises DeviceError where there is none."""
    cuda.synchronize(device)
