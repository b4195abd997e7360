"""Settings of the library for this process; the environment's TENON_* variables give the values they start from."""

from __future__ import annotations

from tenon import _C
from tenon._C import get_default_device, get_default_dtype, get_num_threads, set_default_dtype
from tenon._functions import set_default_device

__all__ = [
    "enable_fast_math",
    "get_default_device",
    "get_default_dtype",
    "get_thread_pool_size",
    "set_default_device",
    "set_default_dtype",
    "set_simd_enabled",
    "set_thread_pool_size",
]

get_thread_pool_size = get_num_threads


def set_thread_pool_size(size: int) -> None:
    """Sets the number of threads that ops may use."""
    _C.set_num_threads(size)


def set_simd_enabled(enabled: bool) -> None:
    """Whether CPU kernels use the best instruction set of this machine, or the baseline."""
    _C.set_simd_enabled(enabled)


def enable_fast_math(enabled: bool = True) -> bool:
    """Lets ops of this thread treat denormal numbers as zero, which some CPUs compute a hundred times faster.

    Returns whether this CPU can. Results stay the same on any number of threads.
    """
    return _C.set_flush_denormal(bool(enabled))
