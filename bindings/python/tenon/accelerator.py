"""The accelerator of this machine, whichever kind it is; without one everything answers that there is none."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NoReturn

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


current_device_idx, set_device_idx = current_device_index, set_device_index


def synchronize(device: Any = None) -> None:
    """Waits until all work on a device is done; raises DeviceError where there is none."""
    cuda.synchronize(device)


# --- what a device is doing; where there is none, each raises DeviceError


def _lacking(what: str) -> NoReturn:
    _check(0)
    raise NotImplementedError(f"accelerator.{what}: the plug-in works in one stream and tells nothing of its device")


def current_stream(device: Any = None) -> NoReturn:
    """Raises: there is one stream, which has no object."""
    _lacking("current_stream")


def set_stream(stream: Any) -> NoReturn:
    """Raises: there is one stream, which has no object."""
    _lacking("set_stream")


def get_device_capability(device: Any = None) -> NoReturn:
    """Raises: what a device can do is not asked for."""
    _lacking("get_device_capability")


def get_memory_info(device_index: Any = None) -> NoReturn:
    """Raises: how much memory a device has is not asked for."""
    _lacking("get_memory_info")


def empty_cache() -> None:
    """Gives memory kept for reuse back to the device."""
    _check(0)
    cuda.empty_cache()


def empty_host_cache() -> None:
    """Gives page-locked memory kept for reuse back: there is none."""
    _check(0)


def _index_of(device: Any) -> int:
    return _check(0 if device is None else device)


def memory_allocated(device_index: Any = None) -> int:
    """The bytes that tensors use on a device."""
    return cuda.memory_allocated(_index_of(device_index))


def max_memory_allocated(device_index: Any = None) -> int:
    """The most bytes that tensors used on a device."""
    return cuda.max_memory_allocated(_index_of(device_index))


def memory_reserved(device_index: Any = None) -> int:
    """The bytes taken from a device."""
    return cuda.memory_reserved(_index_of(device_index))


def max_memory_reserved(device_index: Any = None) -> int:
    """The most bytes taken from a device."""
    return cuda.max_memory_reserved(_index_of(device_index))


def memory_stats(device_index: Any = None) -> OrderedDict[str, Any]:
    """The statistics of a device's memory by name."""
    return OrderedDict(sorted(cuda.memory_stats(_index_of(device_index)).items()))


def reset_peak_memory_stats(device_index: Any = None) -> None:
    """Makes the peaks what is in use now."""
    cuda.reset_peak_memory_stats(_index_of(device_index))


def reset_accumulated_memory_stats(device_index: Any = None) -> None:
    """Makes the sums of the statistics zero."""
    cuda.reset_peak_memory_stats(_index_of(device_index))
