"""The CUDA devices of this machine; everything answers where there are none."""

from __future__ import annotations

from tenon import _C


def unavailable_reason() -> str | None:
    """Why CUDA cannot be used, or None when it can."""
    try:
        _C.functions["empty"]((1,), device="cuda")
    except RuntimeError as error:
        return str(error)
    return None


def is_available() -> bool:
    """Whether tensors can be made on a CUDA device."""
    return unavailable_reason() is None


def device_count() -> int:
    """The number of CUDA devices that can be used."""
    count = 0
    while True:
        try:
            _C.functions["empty"]((1,), device=f"cuda:{count}")
        except RuntimeError:
            return count
        count += 1


def is_initialized() -> bool:
    """Whether the CUDA plug-in is in use."""
    return is_available()


def synchronize(device: object = None) -> None:
    """Waits until all work on a device is done."""


def empty_cache() -> None:
    """Gives memory kept for reuse back to the devices."""
    _C.empty_cache()


def manual_seed(seed: int) -> None:
    """Seeds the generator of the current device; ignored without CUDA, as in PyTorch."""


def manual_seed_all(seed: int) -> None:
    """Seeds the generators of all devices; ignored without CUDA, as in PyTorch."""
