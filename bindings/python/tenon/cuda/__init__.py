"""The CUDA devices of this machine; everything answers where there are none.

A process uses one device at most, `cuda:0`, which TENON_CUDA_DEVICE chooses. Where there is none, questions about a
device raise DeviceError, and what only sets something up does nothing.
"""

from __future__ import annotations

from typing import Any

from tenon import _C
from tenon._lazy import lazy_attributes
from tenon._typed_tensors import CUDA_TENSORS

globals().update(CUDA_TENSORS)
__getattr__ = lazy_attributes("tenon.cuda", {"amp": "amp"})


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


def _index(device: Any, what: str) -> int:
    # The index of a device that can be used.
    reason = unavailable_reason()
    if reason is not None:
        raise _C.DeviceError(f"cuda.{what}: CUDA is not available: {reason}")
    index = device if isinstance(device, int) else 0 if device is None else _C.device(device).index or 0
    if not 0 <= index < device_count():
        raise _C.DeviceError(f"cuda.{what}: there is no device {device!r}; {device_count()} can be used")
    return index


def init() -> None:
    """Makes sure that CUDA can be used; raises DeviceError where it cannot."""
    _index(None, "init")


def current_device() -> int:
    """The index of the device that work goes to."""
    return _index(None, "current_device")


def set_device(device: Any) -> None:
    """Sends work to a device; a negative index leaves it where it is."""
    if not isinstance(device, int) or device >= 0:
        _index(device, "set_device")


class device:
    """Sends work to a device within its block; a negative index leaves it where it is."""

    def __init__(self, device: Any) -> None:
        self.device = device

    def __enter__(self) -> None:
        set_device(self.device)

    def __exit__(self, *exception: object) -> None:
        pass


class device_of(device):
    """Sends work to the device of a tensor within its block; nowhere for one on the CPU."""

    def __init__(self, obj: _C.Tensor) -> None:
        super().__init__(obj.get_device())


def get_device_name(device: Any = None) -> str:
    """What a device is called here: by its index, for the plug-in does not ask for the product's name."""
    return f"CUDA device {_index(device, 'get_device_name')}"


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether ops compute bfloat16 on the device: the plug-in has no kernels for it."""
    return False


def get_arch_list() -> list[str]:
    """The architectures for which a device's kernels were compiled, where there is a device."""
    return []


def synchronize(device: Any = None) -> None:
    """Waits until all work on a device is done; raises DeviceError where there is none."""
    _C.cuda_synchronize()


def empty_cache() -> None:
    """Gives memory kept for reuse back to the devices."""
    _C.cuda_empty_cache()


def ipc_collect() -> None:
    """Frees memory that other processes gave back: none, for device memory is not shared between processes."""


# --- memory: the pool of the plug-in keeps no figures, so there are some only where they are zero


def _no_bytes(what: str) -> int:
    if is_available():
        raise NotImplementedError(f"cuda.{what}: the CUDA plug-in keeps no statistics of its memory")
    return 0


def memory_allocated(device: Any = None) -> int:
    """The bytes that tensors use on a device; 0 without one."""
    return _no_bytes("memory_allocated")


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes that tensors used on a device; 0 without one."""
    return _no_bytes("max_memory_allocated")


def memory_reserved(device: Any = None) -> int:
    """The bytes taken from a device; 0 without one."""
    return _no_bytes("memory_reserved")


def max_memory_reserved(device: Any = None) -> int:
    """The most bytes taken from a device; 0 without one."""
    return _no_bytes("max_memory_reserved")


def memory_stats(device: Any = None) -> dict[str, int]:
    """The statistics of a device's memory by name; none without a device."""
    _no_bytes("memory_stats")
    return {}


def reset_peak_memory_stats(device: Any = None) -> None:
    """Makes the peaks what is in use now; raises DeviceError where there is no device."""
    _index(device, "reset_peak_memory_stats")
    _no_bytes("reset_peak_memory_stats")


# --- random numbers: the plug-in draws none, so that there is nothing to seed


def manual_seed(seed: int) -> None:
    """Accepts a seed: random numbers are drawn on the CPU, from tenon.manual_seed()'s generator."""


def manual_seed_all(seed: int) -> None:
    """Accepts a seed: random numbers are drawn on the CPU, from tenon.manual_seed()'s generator."""


def get_rng_state_all() -> list[_C.Tensor]:
    """The states of the devices' generators: there are none."""
    return []


def set_rng_state_all(new_states: Any) -> None:
    """Sets what get_rng_state_all() gave."""
    if len(new_states):
        raise _C.DeviceError("cuda.set_rng_state_all: there are no generators on CUDA devices")


def matmul(input: _C.Tensor, other: _C.Tensor) -> _C.Tensor:
    """The matrix product of two tensors that are on a CUDA device; raises DeviceError where they are not."""
    for tensor in (input, other):
        if not tensor.is_cuda:
            raise _C.DeviceError(f"cuda.matmul: expected tensors on a CUDA device, but got one on {tensor.device}")
    return _C.functions["matmul"](input, other)
