"""Settings that programs make for the order of einsum's products, which in Tenon is from left to right."""

from __future__ import annotations

from typing import Any

enabled = False
strategy = None


def is_available() -> bool:
    """Whether the package opt_einsum is made use of."""
    return False


def get_opt_einsum() -> Any:
    """The package opt_einsum where it is made use of."""
    return None
