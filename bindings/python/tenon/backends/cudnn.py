"""Settings that programs make for cuDNN, which Tenon does not use: its own kernels are always deterministic."""

from __future__ import annotations

enabled = True
deterministic = False
benchmark = False
allow_tf32 = True


def is_available() -> bool:
    """Whether cuDNN is in use."""
    return False


def version() -> int | None:
    """The version of cuDNN, None where it is not in use."""
    return None
