"""The CUDA backend, and settings that programs make for its matrix products, which Tenon computes in full precision."""

from __future__ import annotations

from tenon import cuda


class _MatmulSettings:
    allow_tf32 = False


matmul = _MatmulSettings()


def is_built() -> bool:
    """Whether the CUDA plug-in was found."""
    return cuda.is_available()
