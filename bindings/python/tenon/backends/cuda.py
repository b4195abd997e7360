"""The CUDA backend, and settings that programs make for its matrix products, which Tenon computes in full precision."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tenon import cuda


class _MatmulSettings:
    allow_tf32 = False


matmul = _MatmulSettings()


def is_built() -> bool:
    """Whether the CUDA plug-in was found."""
    return cuda.is_available()


@contextlib.contextmanager
def sdp_kernel(
    enable_flash: bool = True, enable_math: bool = True, enable_mem_efficient: bool = True, enable_cudnn: bool = True
) -> Iterator[None]:
    """Accepts a choice of implementations of attention, of which Tenon has one; see tenon.nn.attention."""
    if not (enable_flash or enable_math or enable_mem_efficient or enable_cudnn):
        raise RuntimeError("sdp_kernel: at least one implementation of attention must be enabled")
    yield
