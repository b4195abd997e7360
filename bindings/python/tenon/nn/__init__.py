"""Neural networks."""

from tenon.nn import functional, init

__all__ = ["functional", "init"]
