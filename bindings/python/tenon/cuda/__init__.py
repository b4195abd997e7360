"""The CUDA devices of this machine; everything answers where there are none."""

from __future__ import annotations

from tenon import _C


def unavailable_reason() -> str | None:
    """Why CUDA cannot be used, or None when it can."""
    return _C.cuda_unavailable_reason() or None


def is_available() -> bool:
    """Whether tensors can be made on a CUDA device."""
    return unavailable_reason() is None


def device_count() -> int:
    """The number of CUDA devices that can be used."""
    return _C.cuda_device_count()


def is_initialized() -> bool:
    """Whether the CUDA plug-in is in use."""
    return is_available()


def synchronize(device: object = None) -> None:
    """Waits until all work on a device is done; raises DeviceError where there is none."""
    _C.cuda_synchronize()


def empty_cache() -> None:
    """Gives memory kept for reuse back to the devices."""
    _C.cuda_empty_cache()


def manual_seed(seed: int) -> None:
    """Seeds the generator of the current device; ignored without CUDA, as in PyTorch."""


def manual_seed_all(seed: int) -> None:
    """Seeds the generators of all devices; ignored without CUDA, as in PyTorch."""


def matmul(input: _C.Tensor, other: _C.Tensor) -> _C.Tensor:
    """The matrix product of two tensors that are on a CUDA device; raises DeviceError where they are not."""
    for tensor in (input, other):
        if not tensor.is_cuda:
            raise _C.DeviceError(f"cuda.matmul: expected tensors on a CUDA device, but got one on {tensor.device}")
    return _C.functions["matmul"](input, other)
